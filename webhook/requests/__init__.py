"""Requests: which shop they are for, who asks, from where, and how errors are answered."""
