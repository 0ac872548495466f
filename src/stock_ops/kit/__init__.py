"""What every room may use: errors, the report, the options of a verb, the data folder, files, commands."""
