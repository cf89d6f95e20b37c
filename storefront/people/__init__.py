"""Pieces of the owner's pages about people: customers' notes and erasure, and by what colleagues and programs come in.

They stand on the pieces that all of these pages share.
"""
