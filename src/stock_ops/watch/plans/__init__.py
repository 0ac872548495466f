"""Due jobs, warnings, and the times that can be restored. Pure."""
