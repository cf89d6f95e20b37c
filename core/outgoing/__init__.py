"""Outgoing webhooks: what the shop tells the seller's own programs, by Standard Webhooks 1.0.

Endpoints, the messages owed to each, how they are signed and sent, and a log of every attempt.
"""
