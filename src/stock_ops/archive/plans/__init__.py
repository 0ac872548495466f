"""The next segment to ship, and its time. Pure."""
