"""Which backup and which log a restore takes, and in which steps. Pure."""
