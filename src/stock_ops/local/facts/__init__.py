"""Read-only observations of this machine and of one data folder."""
