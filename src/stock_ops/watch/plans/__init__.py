"""What is due, what needs somebody, what can be restored. Pure."""
