"""Letters as a whole: from the job that owes one to whom it goes, what it says and how it reads.

The worker sends them, and the owner's side shows them; neither words anything.
"""
