"""A store of posts on a database of the test's own, under the role of the sentiment-service."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
import pytest

from stock_analysis.kit.db import Role, open_pool
from stock_analysis.kit.settings import Settings
from stock_analysis.sentiment.repository import PostgresPostStore


@dataclass
class Bench:
    """The store, the owner's connections to look behind it, and the instruments by symbol."""

    store: PostgresPostStore
    owner: asyncpg.Pool
    ids: dict[str, int]
    settings: Settings

    async def events(self, topic: str) -> list[dict[str, Any]]:
        rows = await self.owner.fetch("SELECT data FROM outbox WHERE topic = $1 ORDER BY id", topic)
        return [orjson.loads(row["data"]) for row in rows]

    async def everything(self) -> str:
        """All rows of all tables of posts, and all events, as one text: to look for what must be gone."""
        found = []
        for name in ("author_key", "post", "mention", "state", "bucket", "gone", "source"):
            rows = await self.owner.fetch(f"SELECT row_to_json(t)::text FROM sentiment_{name} t")  # noqa: S608 - fixed names
            found += [row[0] for row in rows]
        rows = await self.owner.fetch("SELECT row_to_json(t)::text FROM outbox t")
        return "\n".join(found + [row[0] for row in rows])


@pytest.fixture
async def bench(pool: asyncpg.Pool, database: Settings) -> AsyncIterator[Bench]:
    ids = {}
    for symbol, name in (("AAPL", "Apple"), ("MSFT", "Microsoft")):
        ids[symbol] = await pool.fetchval(
            "INSERT INTO instrument (symbol, name, exchange, currency, kind)"
            " VALUES ($1, $2, 'XNAS', 'USD', 'stock') RETURNING id",
            symbol,
            name,
        )
    await pool.execute("DELETE FROM outbox")
    async with await open_pool(database, Role.SENTIMENT, application_name="test") as own:
        yield Bench(PostgresPostStore(own, 7), pool, ids, database)
