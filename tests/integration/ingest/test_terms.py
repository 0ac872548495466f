"""Prices and actions that have to fit: folders, actions that came first, adjusted prices."""

from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import numpy as np
import pytest

from stock_analysis.domain.bars import Adjustment, Interval
from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.ingest.files import FileOptions
from stock_analysis.ingest.folder import import_path
from stock_analysis.ingest.forms import Adjusted
from stock_analysis.ingest.housekeeping import Corrections, InstrumentService
from stock_analysis.ingest.instruments import Listing
from stock_analysis.ingest.repository import PostgresPriceStore
from stock_analysis.ingest.rows import Imported, Selection
from stock_analysis.ingest.service import ImportService
from stock_analysis.stock.repository import PostgresBarStore
from stock_analysis.stock.series import series

CASES = Path(__file__).parents[2] / "data" / "imports"
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


async def take(
    pool: asyncpg.Pool, path: Path, adjusted: Adjusted | None = None, symbol: str | None = None
) -> Imported:
    service = ImportService(PostgresPriceStore(pool), now=lambda: NOW)
    return await import_path(service, path, FileOptions(adjusted=adjusted, symbol=symbol), Listing())


async def closes(pool: asyncpg.Pool, symbol: str, adjustment: Adjustment = Adjustment.ALL) -> list[float]:
    """The first and the last close of a symbol as a chart shows them."""
    snapshot = await PostgresBarStore(pool).snapshot(symbol, Interval.D1)
    close = series(snapshot, Interval.D1, adjustment).bars.close
    return [float(np.round(one, 6)) for one in (close[0], close[-1])]


async def test_both_dividends_of_a_day_count(pool: asyncpg.Pool) -> None:
    await take(pool, CASES / "13-actions/twodiv")
    assert await closes(pool, "TWODIV") == [90, 90]


async def test_bars_and_actions_of_one_folder_land_in_one_import(pool: asyncpg.Pool) -> None:
    imported = await take(pool, CASES / "13-actions/sameday")
    assert await closes(pool, "SAMED") == [24.5, 25]
    assert not any(one.run.counts.quarantined for one in imported.reports)


async def test_actions_that_came_first_are_applied_when_their_instrument_comes(pool: asyncpg.Pool) -> None:
    await take(pool, CASES / "13-actions/sameday/actions.csv")
    (report,) = (await take(pool, CASES / "13-actions/sameday/SAMED.csv")).reports
    assert report.notes == ["SAMED: 2 actions that came first landed"]
    assert await closes(pool, "SAMED") == [24.5, 25]
    assert await PostgresPriceStore(pool).list_aside(Selection()) == []


async def test_a_split_that_the_prices_have_already_is_said_and_not_applied_again(pool: asyncpg.Pool) -> None:
    imported = await take(pool, CASES / "13-actions/doubleadj")
    (warning,) = [text for one in imported.reports for text in one.warnings]
    assert "do not jump at the split of 4 on 2024-02-07 (25 before, 25 after)" in warning
    assert "instrument set DBLA --adjusted none" in warning
    assert await closes(pool, "DBLA", Adjustment.SPLIT) == [25, 25]
    await InstrumentService(pool).correct("DBLA", Corrections(adjusted="none"))
    assert await closes(pool, "DBLA", Adjustment.SPLIT) == [6.25, 25]


async def test_prices_said_to_be_adjusted_are_not_adjusted_again(pool: asyncpg.Pool) -> None:
    await take(pool, CASES / "13-actions/doubleadj/DBLA.csv", "split")
    (report,) = (await take(pool, CASES / "13-actions/doubleadj/actions.csv")).reports
    assert report.warnings == []
    assert await closes(pool, "DBLA") == [25, 25]


async def test_prices_said_to_be_adjusted_that_jump_are_warned_of(pool: asyncpg.Pool) -> None:
    await take(pool, CASES / "13-actions/sameday/SAMED.csv", "split")
    (report,) = (await take(pool, CASES / "13-actions/sameday/actions.csv")).reports
    assert "jump at the split of 4 on 2024-02-07 (100 before, 25 after)" in report.warnings[0]


async def test_a_second_source_in_other_terms_is_refused_until_told_which(pool: asyncpg.Pool) -> None:
    await take(pool, CASES / "13-actions/sameday")
    second = CASES / "22-mixed/SAMED2.csv"
    with pytest.raises(InvalidInputError, match=r"on 2 of 2 days that it changes, this file has 0\.25 times"):
        await take(pool, second, symbol="SAMED")
    assert await closes(pool, "SAMED", Adjustment.RAW) == [100, 25]
    with pytest.raises(InvalidInputError, match="stored as traded, and this file is said to be adjusted"):
        await take(pool, second, "split", "SAMED")
    (report,) = (await take(pool, second, "none", "SAMED")).reports
    assert report.run.counts.corrected == 2


@pytest.mark.parametrize("factor", [100, 0.01, 1.1, 0.5, 0.9])
async def test_prices_scaled_by_any_factor_are_another_source(
    pool: asyncpg.Pool, tmp_path: Path, factor: float
) -> None:
    days = ["2024-01-02", "2024-01-03", "2024-01-04"]
    for name, scale in (("first", 1.0), ("second", factor)):
        (tmp_path / name).mkdir()
        lines = (f"{day},{10 * scale},{11 * scale},{9 * scale},{10.5 * scale},1\n" for day in days)
        (tmp_path / name / "ACME.csv").write_text("date,open,high,low,close,volume\n" + "".join(lines))
    await take(pool, tmp_path / "first" / "ACME.csv")
    with pytest.raises(InvalidInputError, match="in other terms"):
        await take(pool, tmp_path / "second" / "ACME.csv")


async def test_an_instrument_is_renamed_merged_corrected_and_deleted(
    pool: asyncpg.Pool, tmp_path: Path
) -> None:
    service = InstrumentService(pool)
    for symbol, days in (("OLD", ["02", "03"]), ("NEW", ["03", "04"])):
        lines = "".join(f"2024-01-{day},10,11,9,10,1\n" for day in days)
        (tmp_path / f"{symbol}.csv").write_text("date,open,high,low,close,volume\n" + lines)
        await take(pool, tmp_path / f"{symbol}.csv")
    with pytest.raises(InvalidInputError, match="already"):
        await service.rename("OLD", "NEW")
    await service.correct("OLD", Corrections(currency="GBp", aliases=["OLDEST"]))
    with pytest.raises(InvalidInputError, match="currency GBX and USD"):
        await service.merge("OLD", "NEW")
    await service.correct("OLD", Corrections(currency="USD"))
    moved = await service.merge("OLD", "NEW")
    assert (moved.bars, await pool.fetchval("SELECT count(*) FROM bar_1d")) == (1, 3)
    await service.rename("NEW", "NEWEST")
    (report,) = (await take(pool, tmp_path / "OLD.csv")).reports
    assert (report.run.counts.unchanged, report.created) == (2, [])
    assert (await service.delete("NEWEST")).bars == 3
    for table in ("instrument", "bar_1d", "instrument_alias", "quarantine"):
        assert await pool.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - names of our own
    with pytest.raises(InvalidInputError, match="no instrument NEWEST"):
        await service.delete("NEWEST")
