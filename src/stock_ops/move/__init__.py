"""An instance goes from one target to another through a backup, with its content compared."""
