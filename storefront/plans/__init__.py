"""Pieces about plans that buyers see: the seats of one."""
