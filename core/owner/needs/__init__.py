"""What needs a person: the one list of it, what may stand in it by what it is about, and what was set aside."""
