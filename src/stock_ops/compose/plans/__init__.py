"""Pure decisions: what a container of ours is, what is missing, in which words it is told."""
