"""What was stored before a migration is there after it, and means the same."""

from collections.abc import AsyncIterator
from datetime import date

import asyncpg
import pytest

from stock_analysis.domain.markets import markets
from stock_analysis.kit.migrations import migrate, read_migrations
from stock_analysis.kit.resources import resource
from stock_analysis.testing.postgres import PostgresCluster, connect

BEFORE_MARKETS = 4
ACTIONS = [
    (date(2020, 8, 7), "dividend", 0.82, "yahoo"),
    (date(2020, 8, 31), "dividend", 0.5, "file.csv"),
    (date(2020, 8, 31), "split", 4.0, "yahoo"),
]


@pytest.fixture
async def old(postgres: PostgresCluster) -> AsyncIterator[asyncpg.Connection]:
    """A database as the release before had it, with an instrument and its actions."""
    connection = await connect(postgres.create_database(template="template0"))
    known = [one for one in read_migrations(resource("migrations")) if one.number <= BEFORE_MARKETS]
    await migrate(connection, known)
    await connection.execute(
        "INSERT INTO instrument (symbol, name, exchange, currency, kind, version)"
        " VALUES ('AAPL', 'Apple', 'XNAS', 'USD', 'stock', 7), ('ES=F', 'E-mini', 'XCME', 'USD', 'future', 1)"
    )
    await connection.executemany("INSERT INTO corporate_action VALUES (1, $1, $2, $3, $4)", ACTIONS)
    yield connection
    await connection.close()


async def upgrade(connection: asyncpg.Connection, *phases: str) -> None:
    await migrate(connection, read_migrations(resource("migrations")), phases=frozenset(phases))


async def actions(connection: asyncpg.Connection) -> list[tuple[object, ...]]:
    rows = await connection.fetch("SELECT ex_date, kind, value, source FROM corporate_action ORDER BY 1, 2")
    return [tuple(row) for row in rows]


async def test_instruments_and_actions_stay_as_they_were(old: asyncpg.Connection) -> None:
    before = await old.fetch("SELECT id, symbol, exchange, version FROM instrument ORDER BY id")
    await upgrade(old, "pre", "post")
    assert await old.fetch("SELECT id, symbol, exchange, version FROM instrument ORDER BY id") == before
    assert await actions(old) == ACTIONS
    rows = await old.fetch("SELECT DISTINCT ordinal, unit, price FROM corporate_action")
    assert [tuple(row) for row in rows] == [(1, None, None)]


async def test_the_code_of_the_release_before_still_writes_until_it_is_gone(old: asyncpg.Connection) -> None:
    await upgrade(old, "pre")
    await old.execute(
        "INSERT INTO corporate_action AS old (instrument_id, ex_date, kind, value, source)"
        " VALUES (1, '2020-08-31', 'split', 5, 'new')"
        " ON CONFLICT (instrument_id, ex_date, kind) DO UPDATE SET value = excluded.value"
    )
    assert [row[2] for row in await actions(old)] == [0.82, 0.5, 5.0]


async def test_afterwards_a_day_has_room_for_two_of_a_kind_and_a_symbol_for_an_index(
    old: asyncpg.Connection,
) -> None:
    await upgrade(old, "pre", "post")
    await old.execute(
        "INSERT INTO corporate_action (instrument_id, ex_date, kind, ordinal, value, source)"
        " VALUES (1, '2020-08-07', 'dividend', 2, 9, 'special')"
    )
    await old.execute(
        "INSERT INTO instrument (symbol, name, exchange, currency, kind)"
        " VALUES ('^GSPC', 'S&P 500', 'XNYS', 'USD', 'index')"
    )
    for wrong in ("^", "A B", "^" + "A" * 32):
        with pytest.raises(asyncpg.CheckViolationError):
            await old.execute(
                "INSERT INTO instrument (symbol, name, exchange, currency, kind)"
                " VALUES ($1, 'x', 'XNYS', 'USD', 'stock')",
                wrong,
            )


async def test_every_market_of_the_table_is_stored_as_it_stands_there(postgres: PostgresCluster) -> None:
    connection = await connect(postgres.create_database())
    rows = await connection.fetch(
        "SELECT mic, name, calendar, timezone, currency, extended_opens, extended_closes FROM exchange"
    )
    await connection.close()
    stored = {row["mic"]: tuple(row) for row in rows}
    shipped = {
        mic: (
            *(mic, one.exchange.name, one.exchange.calendar, one.exchange.timezone, one.exchange.currency),
            *(one.exchange.extended_opens, one.exchange.extended_closes),
        )
        for mic, one in markets().items()
    }
    assert stored == shipped
