"""Receipts as they reach people: the link in one that opens its order, and the copies of one that the staff send elsewhere."""
