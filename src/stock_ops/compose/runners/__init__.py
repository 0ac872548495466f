"""Start, stop and follow the containers."""
