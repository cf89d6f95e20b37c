"""What pages of the shop and of the owner's side draw of a workshop's dates: how full one is, and the form of those who wait."""
