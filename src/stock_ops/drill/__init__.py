"""Rehearsed restores, and damage that must be found."""
