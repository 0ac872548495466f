"""Rows that a person accepted are told with the bars that they became, on real PostgreSQL."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import numpy as np
import pytest

from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.ingest.files import FileOptions, open_rows
from stock_analysis.ingest.housekeeping import Corrections, InstrumentService
from stock_analysis.ingest.quarantine import MOST_NAME, QuarantineService
from stock_analysis.ingest.repository import PostgresPriceStore
from stock_analysis.ingest.rows import Selection
from stock_analysis.ingest.runs import RunService
from stock_analysis.ingest.runs_repository import PostgresRunStore
from stock_analysis.ingest.service import ImportService
from stock_analysis.kit.db import Role, connect
from stock_analysis.kit.settings import Settings
from stock_analysis.stock import repository
from stock_analysis.stock.repository import SQL
from stock_analysis.testing.builders import epoch
from tests.integration.stock.test_sessions import api

__all__ = ["api"]

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
HEAD = "date,open,high,low,close,volume\n"
SOUND = "2024-01-02,10,11,9,10,5\n2024-01-03,10,11,9,10,5\n2024-01-05,10,11,9,10,5\n"
NEGATIVE = "2024-01-04,-1,-0.5,-2,-1.5,5\n"
TOLD = {"t": epoch("2024-01-04"), "reasons": ["not_positive"], "by": ["ann"]}


async def take(pool: asyncpg.Pool, path: Path, text: str) -> QuarantineService:
    path.write_text(text)  # noqa: ASYNC240 - a few bytes
    store = PostgresPriceStore(pool)
    await ImportService(store, now=lambda: NOW).import_rows(open_rows(path, FileOptions()))
    return QuarantineService(store, now=lambda: NOW)


async def chart(api: httpx.AsyncClient, **query: str) -> Any:
    answer = await api.get("/api/v1/stocks/ODD/chart", params={"adjustment": "raw"} | query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
async def aside(pool: asyncpg.Pool, tmp_path: Path) -> QuarantineService:
    return await take(pool, tmp_path / "ODD.csv", HEAD + SOUND + NEGATIVE)


async def test_an_accepted_row_is_told_with_its_bar_at_once_though_the_answer_was_cached(
    api: httpx.AsyncClient, aside: QuarantineService
) -> None:
    before = await api.get("/api/v1/stocks/ODD/chart")
    assert (before.json()["accepted"], before.json()["accepted_complete"]) == ([], True)
    assert (await aside.replay(Selection(), accepted=["not_positive"], by="ann")).accepted == 1
    etag = {"if-none-match": before.headers["etag"]}
    after = await api.get("/api/v1/stocks/ODD/chart", headers=etag)
    assert after.status_code == 200
    assert after.json()["accepted"] == [TOLD]
    assert "accepted" not in (await api.get("/api/v1/stocks/ODD/bars")).json()


async def test_it_is_told_in_the_window_of_its_bar_alone_and_in_longer_bars(
    api: httpx.AsyncClient, aside: QuarantineService
) -> None:
    await aside.replay(Selection(), accepted=["not_positive"], by="ann")
    assert (await chart(api, to="2024-01-03"))["accepted"] == []
    assert (await chart(api, **{"from": "2024-01-05"}))["accepted"] == []
    assert (await chart(api, **{"from": "2024-01-04", "to": "2024-01-04"}))["accepted"] == [TOLD]
    assert (await chart(api, to="1999-01-01"))["accepted"] == []
    assert (await chart(api, interval="1m"))["accepted"] == []
    for interval in ("1w", "1mo"):
        found = await chart(api, interval=interval)
        assert found["accepted"] == [TOLD | {"t": found["t"][0]}]


async def test_a_bar_that_was_corrected_or_taken_back_is_no_accepted_one(
    api: httpx.AsyncClient, aside: QuarantineService, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    await aside.replay(Selection(), accepted=["not_positive"], by="ann")
    runs = RunService(PostgresRunStore(pool))
    path = tmp_path / "later" / "ODD.csv"
    path.parent.mkdir()
    await take(pool, path, HEAD + "2024-01-04,10,11,9,10.5,5\n")
    assert (await chart(api))["c"] == [10, 10, 10.5, 10]
    assert (await chart(api))["accepted"] == []
    await runs.undo("last")
    assert (await chart(api))["accepted"] == [TOLD]


async def test_it_is_told_whatever_name_the_row_had_for_its_instrument(
    api: httpx.AsyncClient, aside: QuarantineService, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    await aside.dismiss(Selection())
    await InstrumentService(pool).correct("ODD", Corrections(aliases=["OTHER"]))
    other = await take(pool, tmp_path / "OTHER.csv", HEAD + SOUND + "2024-01-04,-1,-0.5,-2,-1,5\n")
    assert (await other.replay(Selection(), accepted=["not_positive"], by="ann")).accepted == 1
    assert (await chart(api))["accepted"] == [TOLD]


async def test_an_accepted_minute_marks_the_bars_that_it_is_part_of(
    api: httpx.AsyncClient, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    lines = [f"2024-01-04T14:{minute}:00Z,10,11,9,10,5\n" for minute in range(30, 50)]
    lines[7] = "2024-01-04T14:37:00Z,-1,-0.5,-2,-1.5,5\n"
    aside = await take(pool, tmp_path / "ODD.csv", HEAD + "".join(lines))
    report = await aside.replay(Selection(), accepted=["not_positive", "jump"], by="ann")
    assert report.accepted == 1
    for interval, t in (
        ("1m", "2024-01-04T14:37"),
        ("5m", "2024-01-04T14:35"),
        ("1h", "2024-01-04T14:30"),
        ("1d", "2024-01-04"),
        ("1mo", "2024-01-02"),
    ):
        found = await chart(api, interval=interval)
        assert found["accepted"] == [TOLD | {"t": epoch(t)}], interval
    (tmp_path / "days").mkdir()
    await take(pool, tmp_path / "days" / "ODD.csv", HEAD + "2024-01-04,10,11,9,10,5\n")
    assert (await chart(api, interval="1d"))["accepted"] == [], "the stored daily bar holds no minute"


async def test_many_are_bounded_and_it_is_said_when_not_all_were_looked_at(
    api: httpx.AsyncClient, pool: asyncpg.Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "MOST_ACCEPTED", 2)
    days = np.arange("2024-01-06", "2024-02-03", 7, dtype="datetime64[D]")
    lines = "".join(f"{day},10,11,9,10,5\n" for day in days)
    aside = await take(pool, tmp_path / "ODD.csv", HEAD + SOUND + lines)
    await aside.replay(Selection(), accepted=["unknown_session"], by="bob")
    found = await chart(api)
    newest = [epoch(str(day)) for day in days[-2:]]
    assert [one["t"] for one in found["accepted"]] == newest
    assert found["accepted_complete"] is False
    within = await chart(api, **{"from": str(days[-1])})
    assert ([one["t"] for one in within["accepted"]], within["accepted_complete"]) == (newest[1:], True)


async def test_the_stock_service_may_read_them_with_the_rights_that_it_has(database: Settings) -> None:
    reader = await connect(database, Role.READER)
    assert await reader.fetch(SQL["accepted"], 1, "ODD", 10) == []
    await reader.close()


async def test_a_name_that_is_too_long_is_refused(aside: QuarantineService) -> None:
    with pytest.raises(InvalidInputError, match=f"at most {MOST_NAME} characters"):
        await aside.replay(Selection(), accepted=["not_positive"], by="n" * (MOST_NAME + 1))
