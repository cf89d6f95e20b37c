"""What the shop carries, measured from inside: events, checkouts, downloads, and reads of a shop with a long past.

Run by `python -m tests.bench`, and for those who click by `python -m tests.bench.shoppers`.

Every run is verified by SQL, so that no figure stands for work that was lost or done twice. The versions that are compared
take turns within one call: on a machine that others use too, ratios hold where figures do not.
"""
