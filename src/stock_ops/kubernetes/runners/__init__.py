"""What changes a cluster."""
