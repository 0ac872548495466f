"""The verbs of the target kubernetes."""
