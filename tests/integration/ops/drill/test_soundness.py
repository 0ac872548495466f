"""Faults in data that no constraint and no index shows by itself are found, and named."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.postgres import PASSWORD
from stock_ops.backup.runners.content import Connect
from stock_ops.drill.runners.soundness import prove_constraints, prove_indexes
from stock_ops.kit.errors import UnsoundDataError

BARS = """
INSERT INTO instrument (symbol, name, exchange, currency, kind) VALUES ('ONE', 'One', 'XNAS', 'USD', 'stock');
INSERT INTO corporate_action VALUES (1, '2020-01-02', 'split', 2, 'test');
INSERT INTO bar_1d SELECT 1, '2020-01-01'::date + day, 1, 2, 1, 2, 100 FROM generate_series(1, 1000) AS day
"""


@pytest.fixture
def connect(database: Settings) -> Connect:
    """Opens connections of the superuser to a database with a few bars."""

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(
            host="127.0.0.1",
            port=database.database_port,
            user="postgres",
            password=PASSWORD,
            database=database.database_name,
        )

    return connect


@pytest.fixture
async def connection(connect: Connect) -> AsyncIterator[asyncpg.Connection]:
    """One of them."""
    connection = await connect()
    await connection.execute(BARS)
    yield connection
    await connection.close()


async def test_sound_data_are_proven_and_stay_as_they_are(
    connection: asyncpg.Connection, connect: Connect
) -> None:
    before = await connection.fetch("SELECT oid, conname FROM pg_constraint ORDER BY oid")
    assert await prove_constraints(connection) >= 12
    proven = await prove_indexes(connect)
    assert proven.indexes > 100
    assert proven.tables > 60
    assert await connection.fetch("SELECT oid, conname FROM pg_constraint ORDER BY oid") == before


async def test_a_row_without_its_parent_is_found(connection: asyncpg.Connection) -> None:
    await connection.execute("SET session_replication_role = replica; DELETE FROM instrument")
    with pytest.raises(
        UnsoundDataError, match=r"corporate_action_instrument_id_fkey of corporate_action"
    ) as caught:
        await prove_constraints(connection)
    assert "Key (instrument_id)=(1)" in caught.value.why


async def test_a_row_that_breaks_a_check_is_found(connection: asyncpg.Connection) -> None:
    await connection.execute(
        """
        ALTER TABLE corporate_action DROP CONSTRAINT corporate_action_value_check;
        UPDATE corporate_action SET value = -1;
        ALTER TABLE corporate_action ADD CONSTRAINT corporate_action_value_check CHECK (value > 0) NOT VALID;
        UPDATE pg_constraint SET convalidated = true WHERE conname = 'corporate_action_value_check'
        """
    )
    with pytest.raises(
        UnsoundDataError, match="corporate_action_value_check of corporate_action does not hold"
    ):
        await prove_constraints(connection)


async def test_a_constraint_that_was_never_validated_is_found(connection: asyncpg.Connection) -> None:
    await connection.execute("ALTER TABLE bar_1d ADD CONSTRAINT low CHECK (low > 0) NOT VALID")
    with pytest.raises(UnsoundDataError, match="low of bar_1d is not validated"):
        await prove_constraints(connection)


async def test_a_row_that_an_index_does_not_know_is_found(
    connection: asyncpg.Connection, connect: Connect
) -> None:
    await connection.execute(
        "UPDATE pg_index SET indisready = false WHERE indexrelid = 'bar_1d_pkey'::regclass"
    )
    await connection.execute("INSERT INTO bar_1d VALUES (1, '2019-01-01', 1, 2, 1, 2, 100)")
    await connection.execute(
        "UPDATE pg_index SET indisready = true WHERE indexrelid = 'bar_1d_pkey'::regclass"
    )
    with pytest.raises(UnsoundDataError, match="The index bar_1d_pkey of bar_1d is damaged"):
        await prove_indexes(connect)


async def test_a_key_that_stands_twice_is_found(connection: asyncpg.Connection, connect: Connect) -> None:
    await connection.execute(
        "UPDATE pg_index SET indisunique = false WHERE indexrelid = 'bar_1d_pkey'::regclass"
    )
    await connection.execute("INSERT INTO bar_1d VALUES (1, '2020-01-02', 1, 2, 1, 2, 100)")
    await connection.execute(
        "UPDATE pg_index SET indisunique = true WHERE indexrelid = 'bar_1d_pkey'::regclass"
    )
    with pytest.raises(UnsoundDataError, match="The index bar_1d_pkey of bar_1d is damaged"):
        await prove_indexes(connect)


async def test_an_index_that_is_not_valid_is_found(connection: asyncpg.Connection, connect: Connect) -> None:
    await connection.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'bar_1d_pkey'::regclass"
    )
    with pytest.raises(UnsoundDataError, match="The index bar_1d_pkey of bar_1d is not valid"):
        await prove_indexes(connect)


async def test_a_damaged_row_is_found(connection: asyncpg.Connection, connect: Connect) -> None:
    """The table says that every transaction before this one is long settled; its row says otherwise."""
    await connection.execute(
        "UPDATE pg_class SET relfrozenxid = pg_current_xact_id()::xid WHERE relname = 'corporate_action'"
    )
    with pytest.raises(UnsoundDataError, match="corporate_action is damaged: block 0, row 1: xmin"):
        await prove_indexes(connect)
