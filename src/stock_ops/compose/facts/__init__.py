"""The compose program, the containers of an instance, its settings: looked at, never changed."""
