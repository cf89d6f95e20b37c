"""Telemetry: what an operator sees of the shop: lines of a log, the request that each belongs to, reported errors, spans and
counters. Nothing that leaves it names a person, a key or a token."""
