"""Shared by all rooms: errors, the report, the options of a verb, the data folder, files, commands."""
