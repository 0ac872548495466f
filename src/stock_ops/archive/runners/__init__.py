"""Receive the log, keep it in the spool, ship it."""
