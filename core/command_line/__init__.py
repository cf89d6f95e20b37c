"""What the `pushcart` command says and asks: a module for each group of its commands.

`core.cli` puts them together and turns every error into a line.
"""
