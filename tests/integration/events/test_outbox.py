"""Every change of prices and instruments commits with its events, whoever makes it."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
import numpy as np
import pytest

from stock_analysis.domain.bars import Interval
from stock_analysis.domain.errors import StockAnalysisError
from stock_analysis.domain.events import BarsChanged, InstrumentChanged, Payload, decode_payload
from stock_analysis.domain.instruments import Instrument
from stock_analysis.ingest.housekeeping import Corrections, InstrumentService
from stock_analysis.ingest.repository import PostgresPriceStore
from stock_analysis.ingest.rows import BAR, Rows
from stock_analysis.ingest.runs import RunService
from stock_analysis.ingest.runs_repository import PostgresRunStore
from stock_analysis.ingest.service import ImportService
from stock_analysis.ingest.telling import FEW_BARS
from stock_analysis.kit.db import Role, open_pool
from stock_analysis.kit.request_id import current_request_id
from stock_analysis.kit.settings import Settings

DAY = 86_400


def instrument(symbol: str) -> Instrument:
    return Instrument(symbol, symbol.title(), "XNAS", "USD")


def bars_of(ids: Sequence[int], count: int, close: float = 10.0) -> Rows:
    """`count` daily bars of each."""
    bars = np.empty(len(ids) * count, BAR)
    bars["instrument"] = np.repeat(ids, count)
    bars["t"] = np.tile(np.arange(count) * DAY + 19_000 * DAY, len(ids))
    for name in ("open", "high", "low", "close"):
        bars[name] = close
    bars["volume"] = 1
    return bars


async def told(pool: asyncpg.Pool, topic: str = "%") -> list[Payload]:
    """The payloads in the outbox, in its order; it is empty afterwards."""
    rows = await pool.fetch("SELECT * FROM outbox WHERE topic LIKE $1 ORDER BY id", topic)
    await pool.execute("DELETE FROM outbox")
    found = [decode_payload(row["topic"], row["schema"], row["data"].encode()) for row in rows]
    assert [one.symbol for one in found] == [row["key"] for row in rows]
    return found


@pytest.fixture
async def ids(pool: asyncpg.Pool) -> dict[str, int]:
    """Two listed instruments; what listing them told is taken out of the outbox."""
    store = PostgresPriceStore(pool)
    await store.add_instruments([instrument("AAPL"), instrument("MSFT")])
    listed = await told(pool)
    assert [(one.symbol, one.change) for one in listed if isinstance(one, InstrumentChanged)] == [
        ("AAPL", "listed"),
        ("MSFT", "listed"),
    ]
    return {symbol: one.id for symbol, one in (await store.listed(["AAPL", "MSFT"])).items()}


async def write(pool: asyncpg.Pool, bars: Rows, *, corrected: bool = False) -> None:
    """One transaction as the import's."""
    async with PostgresPriceStore(pool).transaction() as writer:
        touched = sorted({int(one) for one in bars["instrument"]})
        await writer.lock_instruments(touched)
        await (writer.correct if corrected else writer.insert)(Interval.D1, bars)
        await writer.bump(touched)


async def test_few_bars_travel_in_their_events_many_are_told_as_a_range(
    pool: asyncpg.Pool, ids: dict[str, int]
) -> None:
    await write(pool, bars_of([ids["MSFT"], ids["AAPL"]], 2))
    aapl, msft = (one for one in await told(pool, "prices.bars.v1") if isinstance(one, BarsChanged))
    assert (aapl.symbol, aapl.change, aapl.count, aapl.version) == ("AAPL", "closed", 2, 1)
    assert msft.symbol == "MSFT"
    assert aapl.bars is not None
    assert aapl.bars.t == [aapl.first, aapl.last] == [19_000 * DAY, 19_001 * DAY]
    assert aapl.bars.close == [10.0, 10.0]

    await write(pool, bars_of(list(ids.values()), 2, 11.0), corrected=True)
    corrected = [one for one in await told(pool, "prices.bars.v1") if isinstance(one, BarsChanged)]
    assert [(one.change, one.version) for one in corrected] == [("corrected", 2)] * 2

    many = bars_of([ids["AAPL"]], FEW_BARS + 1)
    many["t"] += 10_000 * DAY
    await write(pool, many)
    (whole,) = (one for one in await told(pool, "prices.bars.v1") if isinstance(one, BarsChanged))
    assert (whole.bars, whole.count) == (None, FEW_BARS + 1)
    assert whole.last - whole.first == FEW_BARS * DAY


async def test_rows_that_do_not_commit_have_no_event(pool: asyncpg.Pool, ids: dict[str, int]) -> None:
    twice = np.concatenate([bars_of([ids["AAPL"]], 2)] * 2)
    with pytest.raises(StockAnalysisError, match="duplicate key"):
        await write(pool, twice)
    assert await told(pool) == []


async def test_every_new_version_of_an_instrument_is_told(pool: asyncpg.Pool, ids: dict[str, int]) -> None:
    service = InstrumentService(pool)
    await pool.execute("UPDATE instrument SET version = version + 1 WHERE symbol = 'AAPL'")
    await service.correct("AAPL", Corrections(name="Apple"))
    await service.rename("AAPL", "APPL")
    await service.delete("MSFT")
    found = [one for one in await told(pool) if isinstance(one, InstrumentChanged)]
    assert [(one.symbol, one.change, one.version, one.former_symbol) for one in found] == [
        ("AAPL", "data", 1, ""),
        ("AAPL", "changed", 2, ""),
        ("APPL", "renamed", 3, "AAPL"),
        ("MSFT", "deleted", 0, ""),
    ]
    assert found[1].name == "Apple"
    assert ids


async def test_bars_that_move_into_another_instrument_are_told_of_that_one(
    pool: asyncpg.Pool, ids: dict[str, int]
) -> None:
    await write(pool, bars_of([ids["AAPL"]], 5))
    await told(pool)
    await InstrumentService(pool).merge("AAPL", "MSFT")
    found = await told(pool)
    (moved,) = (one for one in found if isinstance(one, BarsChanged))
    assert (moved.symbol, moved.change, moved.count) == ("MSFT", "closed", 5)
    assert moved.first == 19_000 * DAY
    assert [(one.symbol, one.change) for one in found if isinstance(one, InstrumentChanged)] == [
        ("AAPL", "deleted"),
        ("MSFT", "data"),
    ]


async def test_an_import_that_is_taken_back_tells_what_is_removed(
    pool: asyncpg.Pool, ids: dict[str, int]
) -> None:
    store = PostgresPriceStore(pool)
    run = await store.open_run("test", b"x" * 32, "1d", 3)
    from stock_analysis.ingest.journal import Change, keys_of
    from stock_analysis.ingest.rows import Counts

    bars = bars_of([ids["AAPL"]], 3)
    async with store.transaction() as writer:
        await writer.lock_instruments([ids["AAPL"]])
        await writer.insert(Interval.D1, bars)
        await writer.journal(run.id, Interval.D1, Change(inserted=keys_of(bars)))
        await writer.advance(run.id, Counts(3, 3, 0, 0, 0))
        await writer.bump([ids["AAPL"]])
    await told(pool)
    await RunService(PostgresRunStore(pool)).undo(str(run.id))
    removed = [one for one in await told(pool) if isinstance(one, BarsChanged)]
    assert [(one.symbol, one.change, one.count) for one in removed] == [("AAPL", "removed", 3)]
    assert isinstance(run.id, UUID)


async def test_the_events_of_a_command_bear_its_id_and_trace(database: Settings) -> None:
    request = "0123456789abcdef0123456789abcdef"
    token = current_request_id.set(request)
    try:
        async with await open_pool(database, Role.WRITER, application_name="test") as pool:
            await ImportService(PostgresPriceStore(pool)).put_instruments([instrument("AAPL")])
    finally:
        current_request_id.reset(token)
    async with await open_pool(database, Role.OWNER, application_name="test") as pool:
        row = await pool.fetchrow("SELECT * FROM outbox")
    assert row["request_id"] == request
    assert row["traceparent"] == f"00-{request}-{request[:16]}-01"


async def test_what_is_written_belongs_to_the_history_of_the_database(
    pool: asyncpg.Pool, ids: dict[str, int]
) -> None:
    assert ids
    (epoch,) = await pool.fetch("SELECT * FROM event_epoch")
    assert epoch["history"].endswith("/00000001")
    assert await pool.fetchval("SELECT current_epoch()") == epoch["id"]
    await pool.execute("UPDATE event_epoch SET history = 'before the restore'")
    await pool.execute("UPDATE instrument SET version = version + 1")
    assert {row["epoch"] for row in await pool.fetch("SELECT epoch FROM outbox")} == {
        await pool.fetchval("SELECT current_epoch()")
    }
    later = await pool.fetchrow("SELECT * FROM event_epoch ORDER BY number DESC LIMIT 1")
    assert later["begins_behind"] == 0
