"""Bring data back: fetch, rebuild, prove, put in place."""
