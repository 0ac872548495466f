"""Pure calculations on arrays: no input or output, no clock."""
