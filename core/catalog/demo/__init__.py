"""What the offline demo sells: a catalogue and the finished files behind it."""
