"""API keys in PostgreSQL."""

from collections.abc import Sequence

import asyncpg

from stock_analysis.domain.errors import UnavailableError
from stock_analysis.gateway.ports import ApiKey, KeyScope
from stock_analysis.kit.db import CONNECTION_ERRORS, load_queries

SQL = load_queries("stock_analysis.gateway")


class PostgresKeyStore:
    """API keys in the table api_key, by a pool or a single connection."""

    def __init__(self, database: asyncpg.Pool | asyncpg.Connection) -> None:
        self._database = database

    async def add(self, key: ApiKey) -> None:
        """Keep a new key."""
        scopes = sorted(key.scopes)
        await self._fetch(
            "add_key",
            key.id,
            key.name,
            key.prefix,
            key.hash,
            scopes,
            key.created_at,
            key.expires_at,
            key.pepper,
        )

    async def find(self, prefix: str) -> ApiKey | None:
        """The key with this prefix, usable or not."""
        rows = await self._fetch("find_key", prefix)
        return _key(rows[0]) if rows else None

    async def all(self) -> Sequence[ApiKey]:
        """All keys, the oldest first."""
        return [_key(row) for row in await self._fetch("all_keys")]

    async def revoke(self, prefix: str) -> bool:
        """Make the key unusable from now on; False if there is no such key or it is revoked already."""
        return bool(await self._fetch("revoke_key", prefix))

    async def note_use(self, prefix: str) -> None:
        """Remember that the key was used now, to the minute."""
        await self._fetch("note_use", prefix)

    async def reseal(self, keys: Sequence[ApiKey]) -> None:
        """Keep hash and pepper of these keys, of all or of none."""
        try:
            # One call of executemany is one transaction.
            await self._database.executemany(
                SQL["reseal_key"], [(key.id, key.hash, key.pepper) for key in keys]
            )
        except CONNECTION_ERRORS as error:
            raise UnavailableError("PostgreSQL", str(error) or type(error).__name__) from error

    async def _fetch(self, name: str, *args: object) -> list[asyncpg.Record]:
        try:
            rows: list[asyncpg.Record] = await self._database.fetch(SQL[name], *args)
        except CONNECTION_ERRORS as error:
            raise UnavailableError("PostgreSQL", str(error) or type(error).__name__) from error
        return rows


def _key(row: asyncpg.Record) -> ApiKey:
    return ApiKey(
        id=row["id"],
        name=row["name"],
        prefix=row["prefix"],
        hash=row["hash"],
        scopes=frozenset(map(KeyScope, row["scopes"])),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
        pepper=row["pepper"],
    )
