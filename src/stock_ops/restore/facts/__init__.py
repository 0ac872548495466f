"""What a restore needs to know, and how far it came."""
