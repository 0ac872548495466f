"""Backups: made, listed, verified, deleted."""
