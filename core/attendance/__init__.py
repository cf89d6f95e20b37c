"""Attendance: what becomes of places in workshops once they are bought: tickets, who comes, moves, cancellations, the door.

It also keeps the waiting lists going, and does what those who run the shop do with a date on which people have places.
"""
