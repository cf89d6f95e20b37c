"""Signals: that a process is alive, what happened for the first or the last time, and which past days are no longer as summed."""
