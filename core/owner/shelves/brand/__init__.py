"""The brand as its owner sets it: pictures that are looked at before they are kept, and the words of `[shop]`.

What a brand is stands in `core/catalog/looks/brand.py`.
"""
