"""Rehearse restores, and damage copies to see that it is found."""
