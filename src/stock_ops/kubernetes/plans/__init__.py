"""Decisions about a release. Pure."""
