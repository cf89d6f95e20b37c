"""Signals: that a process is alive, and what happened for the first or the last time."""
