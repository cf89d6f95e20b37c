"""Stripe's description of itself: which requests and objects exist, how bodies are written, and what older versions looked like.

It checks and rewrites; it keeps nothing.
"""
