"""What is sold, and what was bought, as people see it: tiles and product pages, files, licence keys and tickets.

Pages of buyers and of owners put these pieces together.
"""
