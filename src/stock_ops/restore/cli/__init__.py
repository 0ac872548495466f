"""The verbs restore and kept."""
