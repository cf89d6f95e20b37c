"""Writes: many rows in one statement, and what can wait until the transaction ends, so that it is written all at once."""
