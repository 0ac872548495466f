"""Inputs that went wrong once, each for its kind, with the bars that they mean, on real PostgreSQL."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from stock_analysis.domain.bars import Interval
from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.ingest.files import FileOptions
from stock_analysis.ingest.folder import import_path, preview_path
from stock_analysis.ingest.instruments import Listing
from stock_analysis.ingest.repository import PostgresPriceStore
from stock_analysis.ingest.rows import Imported
from stock_analysis.ingest.service import ImportService

CASES = Path(__file__).parents[2] / "data" / "imports"
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)

Take = Callable[..., Awaitable[Imported]]


def service(pool: asyncpg.Pool) -> ImportService:
    return ImportService(PostgresPriceStore(pool), now=lambda: NOW)


@pytest.fixture
def take(pool: asyncpg.Pool) -> Take:
    """Import a case, or another path, with options."""

    async def run(path: str | Path, listing: Listing | None = None, **options: object) -> Imported:
        said = FileOptions(**options)  # type: ignore[arg-type]  # by name
        return await import_path(service(pool), CASES / path, said, listing or Listing())

    return run


async def sessions(pool: asyncpg.Pool, symbol: str) -> list[tuple[str, float, float]]:
    """Date, close and volume of the daily bars of a symbol."""
    rows = await pool.fetch(
        "SELECT session, close, volume FROM bar_1d b JOIN instrument i ON i.id = b.instrument_id"
        " WHERE symbol = $1 ORDER BY session",
        symbol,
    )
    return [(row["session"].isoformat(), row["close"], row["volume"]) for row in rows]


async def minutes(pool: asyncpg.Pool, symbol: str) -> list[str]:
    rows = await pool.fetch(
        "SELECT ts FROM bar_1m b JOIN instrument i ON i.id = b.instrument_id WHERE symbol = $1 ORDER BY ts",
        symbol,
    )
    return [row["ts"].strftime("%Y-%m-%dT%H:%MZ") for row in rows]


WEEK = [
    ("2024-01-02", 1210.0, 12_300_000.0),
    ("2024-01-03", 1218.75, 9_870_000.0),
    ("2024-01-04", 1225.0, 1_530_000.0),
    ("2024-01-05", 1238.5, 452_100.0),
    ("2024-01-08", 1241.25, 12_000.0),
]


@pytest.mark.parametrize(
    "path",
    [
        "01-investing/INVA.csv",
        "02-volume-heads/VOLDOT.csv",
        "02-volume-heads/VOLM.csv",
        "03-dollar/DOLR.csv",
        "04-european/SWISS.csv",
        "04-european/FRSP.csv",
        "05-excel/SEPL.csv",
        "05-excel/TITLE.csv",
        "05-excel/SERIAL.csv",
    ],
)
async def test_the_same_week_in_any_form_lands_as_the_same_bars(
    take: Take, pool: asyncpg.Pool, path: str
) -> None:
    await take(path)
    assert await sessions(pool, Path(path).stem) == WEEK


async def test_a_turnover_is_refused_as_volume_and_nothing_is_listed(take: Take, pool: asyncpg.Pool) -> None:
    with pytest.raises(InvalidInputError, match="'Volume USD' is money, not shares"):
        await take("02-volume-heads/VOLUSD.csv")
    assert await pool.fetchval("SELECT count(*) FROM instrument") == 0


async def test_compact_times_are_minutes_of_the_exchanges_clock(take: Take, pool: asyncpg.Pool) -> None:
    await take("07-compact/CMPJAN.csv")
    assert await minutes(pool, "CMPJAN") == [f"2024-01-12T14:3{n}Z" for n in range(5)]


async def test_epoch_microseconds_are_instants(take: Take, pool: asyncpg.Pool) -> None:
    await take("08-epoch/EPUS.csv")
    assert await minutes(pool, "EPUS") == [f"2024-01-02T14:3{n}Z" for n in range(5)]


KOREAN = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08"]


async def test_midnight_in_seoul_is_that_day(take: Take, pool: asyncpg.Pool) -> None:
    await take("08-epoch/KRDAY.csv", symbol="005937")
    assert [day for day, *_ in await sessions(pool, "005937")] == KOREAN


@pytest.mark.parametrize(
    ("exchange", "times", "days"),
    [
        (
            "XNYS",
            ["2024-07-01T20:00:00Z", "2024-07-02T20:00:00Z", "2024-07-03T17:00:00Z"],
            ["01", "02", "03"],
        ),
        ("XNYS", ["2024-07-01T00:00:00-04:00", "2024-07-02T00:00:00-04:00"], ["01", "02"]),
        ("XNYS", ["2024-07-01T00:00:00Z", "2024-07-02T00:00:00Z"], ["01", "02"]),
        (
            "XTKS",
            ["2024-06-30T15:00:00Z", "2024-07-01T15:00:00Z", "2024-07-02T15:00:00Z"],
            ["01", "02", "03"],
        ),
        ("XHKG", ["2024-06-30T16:00:00Z", "2024-07-01T16:00:00Z"], ["02"]),
        ("XETR", ["2024-06-30T22:00:00Z", "2024-07-01T22:00:00Z"], ["01", "02"]),
    ],
)
async def test_instants_of_daily_bars_are_sessions_by_the_exchanges_clock(
    take: Take, pool: asyncpg.Pool, tmp_path: Path, exchange: str, times: list[str], days: list[str]
) -> None:
    path = tmp_path / "CLOCK.csv"
    lines = "".join(f"{one},10,11,9,10.5,1\n" for one in times)
    path.write_text(f"timestamp,open,high,low,close,volume\n{lines}")
    await take(path, Listing(exchange, "EUR"), interval=Interval.D1)
    assert [day for day, *_ in await sessions(pool, "CLOCK")] == [f"2024-07-{day}" for day in days]


async def test_a_zone_that_was_given_decides_instead(take: Take, pool: asyncpg.Pool, tmp_path: Path) -> None:
    path = tmp_path / "ZONED.csv"
    path.write_text(
        "ts,open,high,low,close\n2024-07-01T22:00:00Z,1,2,0.5,1\n2024-07-02T22:30:00Z,1,2,0.5,1\n"
    )
    await take(path, interval=Interval.D1, timezone="Asia/Seoul")
    assert [day for day, *_ in await sessions(pool, "ZONED")] == ["2024-07-02", "2024-07-03"]


@pytest.mark.parametrize(
    ("said", "stored"),
    [("GBp", "GBX"), ("GBX", "GBX"), ("gbx", "GBX"), ("GBP", "GBP"), ("gbp", "GBP"), ("USD", "USD")],
)
async def test_pence_stay_pence(take: Take, pool: asyncpg.Pool, said: str, stored: str) -> None:
    await take("14-pence/PENX.L.csv", Listing(currency=said))
    assert await pool.fetchval("SELECT currency FROM instrument") == stored
    assert (await sessions(pool, "PENX.L"))[0][1] == 4050


async def test_pence_or_pounds_is_a_question(take: Take, pool: asyncpg.Pool) -> None:
    with pytest.raises(InvalidInputError, match="--currency GBX or --currency GBP"):
        await take("14-pence/PENX.L.csv")
    assert await pool.fetchval("SELECT count(*) FROM instrument") == 0


async def test_the_reading_says_the_unit_with_its_factor(take: Take) -> None:
    (report,) = (await take("14-pence/PENX.L.csv", Listing(currency="GBp"))).reports
    said = {one.what: one for one in report.reading}
    assert said["currency"].value == "GBX, pence sterling: 100 are 1 GBP"
    assert said["currency"].given
    assert said["exchange"].value == "XLON, London Stock Exchange"
    assert not said["exchange"].given
    assert said["exchange clock"].value == "Europe/London"


@pytest.mark.parametrize("text", ["XxX", "GBPX", "12", "£", ""])
async def test_what_is_no_currency_is_refused(take: Take, text: str) -> None:
    with pytest.raises(InvalidInputError, match="is no currency"):
        await take("01-investing/INVA.csv", Listing(currency=text))


async def test_where_nothing_lands_no_instrument_is_listed_and_a_replay_lists_it_as_was_said(
    take: Take, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    path = tmp_path / "NONE.csv"
    path.write_text("date,open,high,low,close,volume\n2024-01-06,1,2,0.5,1,1\n2024-01-07,1,2,0.5,1,1\n")
    imported = await take(path, Listing("XKRX"))
    (report,) = imported.reports
    assert (report.landed, report.created) == (0, [])
    assert await pool.fetchval("SELECT count(*) FROM instrument") == 0
    assert await pool.fetchval("SELECT count(*) FROM quarantine") == 2
    assert await pool.fetchval("SELECT listing ->> 'exchange' FROM import_run") == "XKRX"


async def test_of_several_instruments_only_those_with_bars_stay(
    take: Take, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    path = tmp_path / "two.csv"
    path.write_text("symbol,date,open,high,low,close\nGOOD,2024-01-02,1,2,0.5,1\nBAD,2024-01-06,1,2,0.5,1\n")
    (report,) = (await take(path)).reports
    assert report.created == ["GOOD"]
    assert [row[0] for row in await pool.fetch("SELECT symbol FROM instrument")] == ["GOOD"]


async def test_a_dry_run_shows_the_first_rows_as_they_would_be_stored_and_stores_nothing(
    pool: asyncpg.Pool,
) -> None:
    said = FileOptions(symbol="005937")
    (found,) = await preview_path(service(pool), CASES / "08-epoch/KRDAY.csv", said, Listing())
    assert [row.when for row in found.rows] == KOREAN
    assert {row.symbol for row in found.rows} == {"005937"}
    assert found.rows[0].values == (70000.0, 71000.0, 69000.0, 70500.0, 1000.0)
    assert {one.what for one in found.stated} >= {
        "exchange",
        "currency",
        "interval",
        "times",
        "columns",
        "prices",
    }
    for table in ("instrument", "import_run", "bar_1d", "quarantine"):
        assert await pool.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - names of our own


async def test_a_dry_run_shows_ten_rows_of_many_and_what_is_wrong_with_them(
    pool: asyncpg.Pool, tmp_path: Path
) -> None:
    path = tmp_path / "MANY.csv"
    lines = "".join(f"2024-01-{day:02d},1,2,0.5,1,1\n" for day in range(1, 31))
    path.write_text(f"date,open,high,low,close,volume\n{lines}")
    (found,) = await preview_path(service(pool), path, FileOptions(), Listing())
    assert len(found.rows) == 10
    assert [row.reasons for row in found.rows[:3]] == [["unknown_session"], [], []]


async def test_a_market_that_never_closes_takes_every_day(take: Take, pool: asyncpg.Pool) -> None:
    await take("12-crypto/ETH-USD.csv")
    assert len(await sessions(pool, "ETH-USD")) == 14
    assert dict(await pool.fetchrow("SELECT exchange, currency, kind FROM instrument")) == {
        "exchange": "CRYP",
        "currency": "USD",
        "kind": "crypto",
    }


@pytest.mark.parametrize(
    ("path", "symbol", "exchange"),
    [
        ("15-symbols/RELIANCE.NS.csv", "RELIANCE.NS", "XNSE"),
        ("15-symbols/600519.csv", "600519", "XSHG"),
        ("15-symbols/EURUSD=X.csv", "EURUSD=X", "FORX"),
        ("15-symbols/^GSPC.csv", "^GSPC", "XNYS"),
    ],
)
async def test_a_symbols_suffix_or_form_names_its_market(
    take: Take, pool: asyncpg.Pool, path: str, symbol: str, exchange: str
) -> None:
    (report,) = (await take(path)).reports
    assert report.landed > 0
    assert await pool.fetchval("SELECT exchange FROM instrument WHERE symbol = $1", symbol) == exchange
    assert next(one for one in report.reading if one.what == "exchange").why


async def test_a_suffix_of_no_market_is_a_question_and_lists_nothing(
    take: Take, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    path = tmp_path / "ACME.QQQ.csv"
    path.write_text("date,open,high,low,close\n2024-01-02,1,2,0.5,1\n")
    with pytest.raises(InvalidInputError, match="--exchange"):
        await take(path)
    assert await pool.fetchval("SELECT count(*) FROM instrument") == 0
    await take(path, Listing("XNAS"))
    assert await pool.fetchval("SELECT exchange FROM instrument") == "XNAS"
