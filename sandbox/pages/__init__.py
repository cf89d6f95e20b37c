"""What buyers see: the hosted payment page, the bank's challenge, the customer portal, and how all pages are drawn.

Templates, styles and fonts are here too.
"""
