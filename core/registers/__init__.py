"""What a shop has many of beside orders, as its staff read it: events, jobs, refunds, disputes, customers, letters, plans.

Each list is read a page at a time and found by an index. What is done about a row is a click of somebody of the staff.
"""
