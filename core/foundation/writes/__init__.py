"""Writes, and reads of what is to be written: many rows in one statement, and what can wait until the transaction ends, so that it
is written all at once."""
