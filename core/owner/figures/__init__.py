"""The owner's numbers: what each of them means, the facts that it sums, and the sums of days that are over.

Everything here only reads, but for `closing`, which keeps those sums.
"""
