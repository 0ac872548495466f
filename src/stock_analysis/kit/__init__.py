"""What every service needs and none is about: settings, logs, metrics, database, cache, HTTP."""
