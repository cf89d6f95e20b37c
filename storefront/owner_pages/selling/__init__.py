"""The pages of what is sold: products, promotion codes, and what is brought along from another shop."""
