"""Measurements of the shop as a whole, run by hand: `python -m tests.bench`. Each says what it loads, and prints medians."""
