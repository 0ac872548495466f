"""stock-service: instruments, bars, indicators."""
