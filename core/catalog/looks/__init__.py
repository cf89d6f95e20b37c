"""How a shop looks: its brand and colour, and covers that are drawn for products without a picture."""
