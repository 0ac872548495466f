"""The progress of a restore, and the limits of this machine."""
