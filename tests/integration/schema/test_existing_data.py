"""What was stored before a migration is there after it, and means the same."""

from collections.abc import AsyncIterator
from datetime import date

import asyncpg
import orjson
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


CONTENT = {
    1: [
        "INSERT INTO instrument (symbol, name, exchange, currency, kind, version) VALUES"
        " ('AAPL', 'Apple', 'XNAS', 'USD', 'stock', 7), ('005930', '삼성전자', 'XKRX', 'KRW', 'stock', 1)",
        "INSERT INTO bar_1d VALUES (1, '2020-08-28', 504.05, 505.77, 498.31, 499.23, 46907479),"
        " (1, '2020-08-31', 127.58, 131, 126, 129.04, 225702700), (2, '2024-01-02', 1, 1e9, 1e-12, 1, 0)",
        "INSERT INTO bar_1m VALUES (1, '2024-01-02 14:30Z', 1, 2, 0.5, 1.5, 10)",
        "INSERT INTO corporate_action (instrument_id, ex_date, kind, value, source) VALUES"
        " (1, '2020-08-31', 'split', 4, 'yahoo'), (1, '2020-08-07', 'dividend', 0.82, 'file.csv')",
    ],
    3: [
        "INSERT INTO import_run (id, source, sha256, interval, status, rows_total, rows_done, accepted)"
        " VALUES"
        " (gen_random_uuid(), 'AAPL.csv', '\\x01', '1d', 'done', 3, 3, 2),"
        " (gen_random_uuid(), 'cut.csv', '\\x02', '1m', 'running', 9, 4, 4),"
        " (gen_random_uuid(), 'actions.csv', '\\x03', 'actions', 'failed', 2, 0, 0)",
        "INSERT INTO quarantine"
        " (source_sha256, row_number, import_id, source, symbol, interval, raw, reasons)"
        " SELECT sha256, 3, id, source, 'AAPL', '1d', '{\"open\": 1}', '{jump}' FROM import_run",
        "INSERT INTO api_key (id, name, prefix, hash, scopes, created_at)"
        " VALUES (gen_random_uuid(), 'mine', 'abc', '\\x04', '{read}', now())",
    ],
    5: [
        "INSERT INTO corporate_action (instrument_id, ex_date, kind, ordinal, value, source) VALUES"
        " (1, '2020-08-31', 'special_dividend', 2, 1.5, 'x')",
        "INSERT INTO calendar_change VALUES ('XKRX', '2023-11-16', '2023-11-16 01:00Z', '2023-11-16 07:30Z')",
    ],
}
"""What may be stored, by the migration after which it can be."""

ADDED: dict[str, dict[str, object]] = {
    "instrument": {"adjusted": None, "adjusted_until": None},
    "corporate_action": {"unit": None, "price": None},
    "import_run": {"listing": {}, "reading": []},
    "quarantine": {"accepted": None, "accepted_by": None},
}
"""What rows that were there before mean by columns that came later: nothing was said."""


@pytest.mark.parametrize("number", range(1, read_migrations(resource("migrations"))[-1].number))
async def test_all_that_was_stored_before_any_migration_is_there_after_the_newest(
    postgres: PostgresCluster, number: int
) -> None:
    connection = await connect(postgres.create_database(template="template0"))
    known = read_migrations(resource("migrations"))
    await migrate(connection, [one for one in known if one.number <= number])
    for since, statements in CONTENT.items():
        for statement in statements if since <= number else ():
            await connection.execute(statement)
    before = await content(connection)
    await migrate(connection, known)
    after = await content(connection)
    await connection.close()
    assert len(before["instrument"]) == 2
    for table, rows in before.items():
        columns = rows[0].keys() if rows else set()
        mics = {one.get("mic") for one in rows}
        kept = [one for one in after[table] if one.get("mic") in mics]
        same = [{name: one[name] for name in columns} for one in kept]
        assert sorted(map(orjson.dumps, same)) == sorted(map(orjson.dumps, rows))
        new = {name: value for name, value in ADDED.get(table, {}).items() if name not in columns}
        assert all(one | new == one for one in kept)


async def content(connection: asyncpg.Connection) -> dict[str, list[dict[str, object]]]:
    """All rows of all tables, but the record of migrations."""
    tables = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migration'"
    )
    found = {}
    for (table,) in tables:
        rows = await connection.fetch(f"SELECT to_jsonb(t) FROM {table} t")  # noqa: S608 - names of our own
        found[table] = [orjson.loads(row[0]) for row in rows]
    return found


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
