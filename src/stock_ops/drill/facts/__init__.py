"""What drills found, and what a platform shows."""
