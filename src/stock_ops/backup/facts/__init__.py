"""The facts behind making and deleting backups."""
