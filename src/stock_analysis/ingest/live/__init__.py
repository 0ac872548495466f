"""Live prices: providers, the way of their ticks into rows, and replays."""
