"""Whether a drill passed, and how that is told. Pure."""
