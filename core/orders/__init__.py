"""Orders, their lines, and the facts about their money: checkouts, refunds, disputes, subscriptions, ledger, history.

An order's status follows from these by one pure function; fulfilment alone writes it.
"""
