"""The verbs on the target compose."""
