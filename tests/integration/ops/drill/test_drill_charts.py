"""Charts are read from a platform as any client reads them, and compared with the rows of its database."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.platform import Platform
from stock_analysis.testing.postgres import PASSWORD
from stock_ops.drill.facts.charts import Address, NoAnswerError, Question, ask_chart, find_chart
from stock_ops.drill.plans.charts import refuse_other, refuse_wrong
from stock_ops.drill.runners.rows import read_rows
from stock_ops.kit.errors import UnsoundDataError


@pytest.fixture
def address(sample_platform: Platform) -> Address:
    return Address("127.0.0.1", sample_platform.settings.port)


@pytest.fixture
async def connection(sample_database: Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(
        host="127.0.0.1",
        port=sample_database.database_port,
        user="postgres",
        password=PASSWORD,
        database=sample_database.database_name,
    )
    yield connection
    await connection.close()


async def test_the_first_chart_shows_just_the_rows_of_the_database(
    address: Address, connection: asyncpg.Connection
) -> None:
    question = find_chart(address)
    assert question
    chart = ask_chart(address, question)
    rows = await read_rows(connection, question)
    assert len(rows) > 1000
    refuse_wrong(chart, rows)
    assert refuse_other(chart, ask_chart(address, question))


async def test_minutes_are_compared_too(address: Address, connection: asyncpg.Connection) -> None:
    symbol = await connection.fetchval(
        "SELECT symbol FROM instrument WHERE id = (SELECT min(instrument_id) FROM bar_1m)"
    )
    question = Question(symbol, "1m")
    refuse_wrong(ask_chart(address, question), await read_rows(connection, question))


async def test_a_row_that_the_chart_lacks_is_told(address: Address, connection: asyncpg.Connection) -> None:
    question = find_chart(address)
    assert question
    rows = await read_rows(connection, question)
    with pytest.raises(UnsoundDataError, match="the database"):
        refuse_wrong(ask_chart(address, question), rows[1:])


def test_an_instrument_that_there_is_not_is_told(address: Address) -> None:
    with pytest.raises(NoAnswerError, match="/api/v1/stocks/NONE/chart: it answers 404"):
        ask_chart(address, Question("NONE", "1d"))


def test_a_platform_that_is_not_there_is_told() -> None:
    with pytest.raises(NoAnswerError, match="does not answer /api/v1/stocks: "):
        find_chart(Address("127.0.0.1", 9))


def test_a_platform_without_bars_has_no_chart(database: Settings) -> None:
    platform = Platform(database)
    try:
        assert find_chart(Address("127.0.0.1", platform.settings.port)) is None
    finally:
        platform.remove()
