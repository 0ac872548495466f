"""How far the log has come."""
