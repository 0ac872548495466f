"""Make, verify and delete backups."""
