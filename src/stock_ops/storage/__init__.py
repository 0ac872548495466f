"""What lies in a storage, and how it is sealed: objects, manifests, keys, the log's names."""
