"""Which backup is made, which ones are kept. Pure."""
