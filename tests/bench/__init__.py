"""The numbers of the product, each beside its peer in the same run."""
