"""Bring data back from a storage."""
