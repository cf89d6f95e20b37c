"""Places in workshops: held, taken, whose each is, who gave one up, who waits for one, and what of that they are told.

Below them stand the dates themselves, in `workshops`."""
