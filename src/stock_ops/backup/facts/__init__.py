"""What must be known before a backup is made or deleted."""
