"""What changes the world: each kind of step, and the commands they call."""
