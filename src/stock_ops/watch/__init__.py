"""The supervised part `backup`: the archive and the schedule at work, and how the backups stand."""
