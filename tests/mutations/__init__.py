"""Mutation testing of the heart: the code is broken in one small place at a time, and some test must notice.

`uv run python -m tests.mutations` says how. What survives is killed by a new test, made impossible by simpler code, or
explained in `explained.toml`.
"""
