"""The contents of a storage, its address, its keys."""
