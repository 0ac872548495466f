"""Rows that are true however odd they are, landed by a person who says so, on real PostgreSQL."""

from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.ingest.files import FileOptions, open_rows
from stock_analysis.ingest.instruments import Listing
from stock_analysis.ingest.quarantine import QuarantineService
from stock_analysis.ingest.repository import PostgresPriceStore
from stock_analysis.ingest.rows import Selection
from stock_analysis.ingest.service import ImportService

CASES = Path(__file__).parents[2] / "data" / "imports" / "16-numbers"
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


async def take(pool: asyncpg.Pool, path: Path, listing: Listing | None = None) -> QuarantineService:
    store = PostgresPriceStore(pool)
    await ImportService(store, now=lambda: NOW).import_rows(open_rows(path, FileOptions()), listing)
    return QuarantineService(store, now=lambda: NOW)


async def bars(pool: asyncpg.Pool) -> dict[str, tuple[float, ...]]:
    rows = await pool.fetch("SELECT session, open, high, low, close, volume FROM bar_1d ORDER BY session")
    return {row["session"].isoformat(): tuple(row)[1:] for row in rows}


async def accepted(pool: asyncpg.Pool) -> list[tuple[list[str], str, str]]:
    rows = await pool.fetch("SELECT accepted, accepted_by, state FROM quarantine ORDER BY id")
    return [(row["accepted"], row["accepted_by"], row["state"]) for row in rows]


async def test_a_negative_settlement_lands_when_a_person_says_that_it_is_true(pool: asyncpg.Pool) -> None:
    aside = await take(pool, CASES / "CL=F.csv")
    assert [row.reasons for row in await aside.list(Selection())] == [["not_positive"]] * 2
    report = await aside.replay(Selection(), accepted=["not_positive", "jump"], by="ann")
    assert (report.accepted, report.stayed) == (2, 0)
    stored = await bars(pool)
    assert stored["2020-04-20"] == (17.7, 17.9, -40.3, -37.63, 1000.0)
    assert stored["2020-04-21"] == (-14.0, 13.9, -16.7, 10.01, 1000.0)
    assert await accepted(pool) == [(["not_positive"], "ann", "replayed")] * 2


async def test_a_halted_day_lands_at_its_close(pool: asyncpg.Pool) -> None:
    aside = await take(pool, CASES / "HALT.csv", Listing("XKRX"))
    assert [row.reasons for row in await aside.list(Selection())] == [["halted"]] * 2
    assert (await aside.replay(Selection(), accepted=["halted"], by="ann")).accepted == 2
    assert (await bars(pool))["2024-02-02"] == (1005, 1005, 1005, 1005, 0)
    assert (await aside.replay(Selection(state="any"), accepted=["halted"], by="ann")).accepted == 0


HEAD = "date,open,high,low,close,volume\n"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2024-01-06,10,11,9,10,5", "unknown_session"),
        ("2024-01-04,-1,-0.5,-2,-1.5,5", "not_positive"),
        ("2024-01-04,0,0,0,0,0", "not_positive"),
        ("2024-01-04,0,0,0,10,0", "halted"),
        ("2024-01-08,900,901,899,900,5", "jump"),
    ],
)
async def test_each_reason_that_can_be_true_is_accepted_and_recorded(
    pool: asyncpg.Pool, tmp_path: Path, line: str, reason: str
) -> None:
    path = tmp_path / "ODD.csv"
    path.write_text(HEAD + "2024-01-02,10,11,9,10,5\n2024-01-03,10,11,9,10,5\n" + line + "\n")
    aside = await take(pool, path)
    assert [row.reasons for row in await aside.list(Selection())] == [[reason]]
    assert (await aside.replay(Selection())).accepted == 0
    assert (await aside.replay(Selection(), accepted=[reason], by="bob")).accepted == 1
    assert await accepted(pool) == [([reason], "bob", "replayed")]
    assert line[:10] in await bars(pool)


async def test_prices_that_are_out_of_order_stay_aside_also_when_negative(
    pool: asyncpg.Pool, tmp_path: Path
) -> None:
    path = tmp_path / "ODD.csv"
    path.write_text(HEAD + "2024-01-02,10,11,9,10,5\n2024-01-04,-1,-3,-2,-1.5,5\n")
    aside = await take(pool, path)
    report = await aside.replay(Selection(), accepted=["not_positive"], by="bob")
    assert (report.accepted, report.reasons) == (0, {"ohlc_order": 1})


@pytest.mark.parametrize("reason", ["ohlc_order", "missing", "future", "nonsense", ""])
async def test_what_cannot_be_true_is_refused(pool: asyncpg.Pool, tmp_path: Path, reason: str) -> None:
    path = tmp_path / "ODD.csv"
    path.write_text(HEAD + "2024-01-02,10,11,9,10,5\n")
    aside = await take(pool, path)
    with pytest.raises(InvalidInputError, match=r"what can be: .*jump"):
        await aside.replay(Selection(), accepted=[reason], by="bob")
