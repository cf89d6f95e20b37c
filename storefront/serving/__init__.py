"""What the storefront answers over plain HTTP, before a browser is connected and a page's script runs.

Each page's first HTML, the plain pages for a crowd, and the headers of all of them.
"""
