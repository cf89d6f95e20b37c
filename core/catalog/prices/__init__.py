"""What a price comes to for a buyer: in a sale, as they say themselves, for several products together, and with a code by which a
plan begins for less."""
