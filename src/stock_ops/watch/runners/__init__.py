"""The part itself: its jobs, its memory, its pages."""
