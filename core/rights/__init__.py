"""What the law gives to buyers: what they agreed to when they bought, and the withdrawals that they declare.

Whether a withdrawal is accepted is decided by a person: nothing in here moves money.
"""
