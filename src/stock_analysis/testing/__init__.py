"""Real parts for tests, started here, and small builders."""
