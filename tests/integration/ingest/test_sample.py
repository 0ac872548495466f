"""The sample data, through the importer, into a real PostgreSQL."""

from datetime import date

import asyncpg
import pytest

from stock_analysis.ingest.repository import PostgresPriceStore
from stock_analysis.ingest.rows import Imported
from stock_analysis.ingest.sample import import_sample
from stock_analysis.ingest.service import ImportService
from stock_analysis.kit.db import Role, open_pool
from stock_analysis.kit.settings import Settings
from stock_analysis.testing.postgres import PostgresCluster

KNOWN_CLOSES = [
    ("AAPL", "2000-03-01", 130.31),
    ("AAPL", "2005-02-28", 44.86),
    ("AAPL", "2020-08-31", 129.04),
    ("IBM", "2009-11-05", 123.10),
    ("005930", "2000-01-04", 305_500.0),
    ("005930", "2018-04-27", 2_650_000.0),
    ("005930", "2018-05-04", 51_900.0),
    ("ETFC", "2010-06-30", 11.82),
]


@pytest.fixture(scope="module")
def loaded(postgres: PostgresCluster) -> Settings:
    """A database with the sample data; the tests of this module only read it."""
    return postgres.create_database()


@pytest.fixture(scope="module")
async def sample(loaded: Settings) -> asyncpg.Pool:
    pool = await open_pool(loaded, Role.OWNER, application_name="test")
    await import_sample(ImportService(PostgresPriceStore(pool)))
    yield pool
    await pool.close()


@pytest.mark.parametrize(("symbol", "session", "close"), KNOWN_CLOSES)
async def test_known_closes_are_stored_as_traded(
    sample: asyncpg.Pool, symbol: str, session: str, close: float
) -> None:
    found = await sample.fetchval(
        "SELECT close FROM bar_1d JOIN instrument ON id = instrument_id WHERE symbol = $1 AND session = $2",
        symbol,
        date.fromisoformat(session),
    )
    assert found == close


async def test_every_row_is_stored_or_kept_aside_for_a_reason(sample: asyncpg.Pool) -> None:
    stored = await sample.fetchval("SELECT (SELECT count(*) FROM bar_1d) + (SELECT count(*) FROM bar_1m)")
    reasons = await sample.fetch(
        "SELECT unnest(reasons) AS reason, source, count(*) FROM quarantine GROUP BY 1, 2"
    )
    assert {(row["source"], row["reason"]): row["count"] for row in reasons} == {
        ("bars_1d_sp500.parquet", "ohlc_order"): 78,
        ("bars_1d_sp500.parquet", "jump"): 6,
        ("bars_1d_samsung.parquet", "ohlc_order"): 1,
        ("bars_1d_samsung.parquet", "unknown_session"): 99,
    }
    assert stored + 184 == 121_603 + 28_225 + 6_268 + 2_264


async def test_a_second_import_finds_nothing_to_do(sample: asyncpg.Pool) -> None:
    before = await sample.fetch("SELECT id, version FROM instrument ORDER BY id")
    assert await import_sample(ImportService(PostgresPriceStore(sample))) == Imported()
    assert await sample.fetch("SELECT id, version FROM instrument ORDER BY id") == before


async def test_the_splits_of_the_sample_are_stored(sample: asyncpg.Pool) -> None:
    found = await sample.fetch(
        "SELECT ex_date::text, value FROM corporate_action JOIN instrument ON id = instrument_id"
        " WHERE symbol = '005930' AND corporate_action.kind = 'split'"
    )
    assert [tuple(row) for row in found] == [("2018-05-04", 50.0)]
