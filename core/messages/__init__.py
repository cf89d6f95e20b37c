"""What is owed to whom in writing: the shop's letters, how the sending of each stands, and what it has to say.

The worker words and sends them.
"""
