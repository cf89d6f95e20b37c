"""The dress rehearsal: a purchase of each kind with test money, to its end, each point ticked off by what was really seen.

It asks the processes that run, by their public addresses, and records nothing itself.
"""
