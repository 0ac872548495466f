"""The words of the field as types; no driver, no web framework."""
