"""The verbs of the secrets."""
