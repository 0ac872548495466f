"""Errors of the driver of PostgreSQL. Importing it takes a while: only who asks a database does."""

import asyncpg

DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # its state machine, when the server dies in the middle of an answer
)
"""From the server, and from the driver itself; a connection that breaks is an OSError."""
