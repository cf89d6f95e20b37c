"""The accountant's files: what was sold, paid back, disputed, kept by Stripe and paid out, row by row, and what does not add up.

They are read and written piece by piece, so that a file of a million rows takes no more memory than one of ten.
"""
