"""What answers a request under /v1: who may ask, what was asked before under the same key, and which function carries it out.

Search and the table of operations are here too.
"""
