"""What machines call: Stripe's events, downloads, checkout and cookies over HTTP, by FastAPI.

Served by a process of its own, and under `/api` by the storefront's.
"""
