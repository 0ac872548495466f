"""The verbs of the platform on this machine, each in its file."""
