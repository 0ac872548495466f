"""What is shipped next, and when. Pure."""
