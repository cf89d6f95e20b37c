"""What owners look at and decide: what needs a person, reports, evidence, what is for sale, and what a live key asks.

It reads what the other rooms keep; of their rows it writes the catalogue's alone.
"""
