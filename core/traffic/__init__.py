"""Traffic: who sends a request, behind the proxies that the shop trusts, and how often somebody may come.

Both are the same for every process of the shop.
"""
