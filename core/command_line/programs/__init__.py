"""What a terminal shows and does about the seller's own programs: their keys, and what they are told."""
