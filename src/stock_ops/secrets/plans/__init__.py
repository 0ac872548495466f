"""What is decided, without touching anything."""
