"""The verbs of `stockops backup`."""
