"""The languages that buyers are spoken to in: sentences from message catalogues, and which language it is.

English stands in the code itself; each other language is a file, here or in the seller's own folder.
"""
