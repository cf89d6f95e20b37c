"""The shelves as their owners arrange them: products as catalogue entries, their prices, dates and files, and what differs from
the file that was applied last.
"""
