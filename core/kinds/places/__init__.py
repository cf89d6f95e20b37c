"""Places in workshops: held, taken, whose each is, who gave one up and who waits for one.

Below them stand the dates themselves, in `workshops`."""
