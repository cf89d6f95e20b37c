"""The orders as their owners read them: found by what somebody remembers, listed by what they ask for, one at a time in full.

It only reads; what changes an order is a journey's to do.
"""
