"""A ledger: what was written, and what came of it at the other end of the log."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence

import asyncpg
import orjson

from stock_analysis.kit.consumers import Consumer
from stock_analysis.kit.events import Event, Topic
from stock_analysis.kit.outbox import NewEvent, put_events

TABLES = """
CREATE TABLE account (key text PRIMARY KEY, n bigint NOT NULL DEFAULT 0);
CREATE TABLE effect (id bigint GENERATED ALWAYS AS IDENTITY, key text NOT NULL, n bigint NOT NULL);
GRANT SELECT, INSERT, UPDATE ON account, effect TO PUBLIC;
"""
WAIT_S = 60.0


async def open_ledger(connection: asyncpg.Connection | asyncpg.Pool, keys: Iterable[str]) -> None:
    """Its tables, with an account for each key."""
    await connection.execute(TABLES)
    await connection.executemany("INSERT INTO account (key) VALUES ($1)", [(key,) for key in keys])


async def write(
    connection: asyncpg.Connection,
    key: str,
    *,
    count: int = 1,
    schema: str = "1.0",
    topic: str = Topic.BARS,
    pad: int = 0,
) -> None:
    """One transaction: the next numbers of a key, each with its event. The account's row is the lock.

    pad: random bytes that each event carries besides, so that nothing compresses them.
    """
    async with connection.transaction():
        n = await connection.fetchval("UPDATE account SET n = n + $2 WHERE key = $1 RETURNING n", key, count)
        events = [
            NewEvent(topic, key, schema, orjson.dumps({"pad": os.urandom(pad).hex(), "n": one}))
            for one in range(n - count + 1, n + 1)
        ]
        await put_events(connection, "test", events)


async def apply(connection: asyncpg.Connection, events: Sequence[Event]) -> None:
    """What the consumer does: one row an event, with nothing that keeps one from coming twice."""
    rows = [(event.key, orjson.loads(event.data)["n"]) for event in events]
    await connection.executemany("INSERT INTO effect (key, n) VALUES ($1, $2)", rows)


LEDGER = Consumer("ledger", (Topic.BARS,), apply, batch=100)


async def written(connection: asyncpg.Connection | asyncpg.Pool) -> dict[str, list[int]]:
    """By key, the numbers that were committed."""
    rows = await connection.fetch("SELECT key, n FROM account")
    return {row["key"]: list(range(1, row["n"] + 1)) for row in rows}


async def effects(connection: asyncpg.Connection | asyncpg.Pool) -> dict[str, list[int]]:
    """By key, the numbers that arrived, in the order in which they did."""
    found: dict[str, list[int]] = {
        row["key"]: [] for row in await connection.fetch("SELECT key FROM account")
    }
    for row in await connection.fetch("SELECT key, n FROM effect ORDER BY id"):
        found[row["key"]].append(row["n"])
    return found


async def settled(connection: asyncpg.Connection | asyncpg.Pool, timeout_s: float = WAIT_S) -> None:
    """Wait until as much has arrived as was written; what is compared is said by the test."""
    await until(lambda: _has_arrived(connection), timeout_s)


async def _has_arrived(connection: asyncpg.Connection | asyncpg.Pool) -> bool:
    sent = await connection.fetchval("SELECT sum(n) FROM account")
    arrived = "SELECT count(*) FROM (SELECT DISTINCT key, n FROM effect) AS one"
    return bool(await connection.fetchval(arrived) == sent)


async def until(holds: Callable[[], Awaitable[bool]], timeout_s: float = WAIT_S) -> None:
    """Wait until it holds; raises TimeoutError if it never does."""
    deadline = time.monotonic() + timeout_s
    while not await holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not come true within {timeout_s:g} s")
        await asyncio.sleep(0.05)
