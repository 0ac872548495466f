"""Authors as keyed hashes: a key a day, which is deleted when the day is final.

Without the key nothing tells any more whose hash it was, not even who has the name. A key of its own, which
stays, hashes those who asked to be forgotten. The keys are rows that only the sentiment-service reads.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Self

import asyncpg

from stock_analysis.sentiment.writing import SQL

FORGOTTEN = "forgotten"
_KEY_BYTES = 32


class AuthorKeys:
    """The keys as stored; one that is missing is made when it is needed."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)

    @classmethod
    async def read(cls, connection: asyncpg.Connection) -> Self:
        """The keys of a database; in the transaction that uses them."""
        rows = await connection.fetch(SQL["author_keys"])
        return cls({row["name"]: row["key"] for row in rows})

    async def of_day(
        self, connection: asyncpg.Connection, moment: datetime, source: str, author: str
    ) -> bytes:
        """The hash of an author in posts of this day."""
        return _hash(await self._key(connection, name_of(moment)), source, author)

    async def forgotten(self, connection: asyncpg.Connection, source: str, author: str) -> bytes:
        """The hash of an author among those who are to be forgotten."""
        return _hash(await self._key(connection, FORGOTTEN), source, author)

    def every(self, source: str, author: str) -> list[bytes]:
        """The hashes of an author in posts of all days that are not final."""
        return [_hash(key, source, author) for name, key in self._keys.items() if name != FORGOTTEN]

    async def _key(self, connection: asyncpg.Connection, name: str) -> bytes:
        if name not in self._keys:
            made = secrets.token_bytes(_KEY_BYTES)
            await connection.execute(SQL["add_author_key"], name, made)
            self._keys[name] = made
        return self._keys[name]


def name_of(moment: datetime) -> str:
    """Name of the key of the day that a moment is in."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def _hash(key: bytes, source: str, author: str) -> bytes:
    return hmac.digest(key, f"{source}\0{author}".encode(), hashlib.sha256)
