"""The pages about the seller's own programs: what they are told, and how that went."""
