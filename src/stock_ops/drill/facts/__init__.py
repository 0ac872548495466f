"""Results of drills, and the charts of a running platform."""
