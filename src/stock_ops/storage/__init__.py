"""The contents of a storage and their seal: objects, manifests, keys, the names of the log."""
