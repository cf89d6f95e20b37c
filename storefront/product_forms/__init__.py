"""The pieces of the pages on which owners write what is sold: the fields of a product, its preview, its prices, files and dates."""
