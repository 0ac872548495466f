"""A self-hosted stock chart analysis platform."""

__version__ = "0.1.0"
