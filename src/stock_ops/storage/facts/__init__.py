"""What a storage holds, and which one it is."""
