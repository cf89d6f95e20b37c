"""Jobs: which there are, how they are owed with the transaction that owes them, and how they stand in their queues.

Here DBOS is spoken to by those who owe; the worker runs what stands here.
"""
