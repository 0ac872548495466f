"""The verbs of `stockops backup` about the part that the supervisor keeps running."""
