"""What an import does, on either store."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from stock_analysis.domain.actions import ActionKind, CorporateAction
from stock_analysis.domain.bars import Interval
from stock_analysis.domain.errors import InvalidInputError, UnavailableError
from stock_analysis.domain.instruments import Instrument
from stock_analysis.ingest.files import FileOptions, open_rows
from stock_analysis.ingest.folder import import_path
from stock_analysis.ingest.instruments import Listing
from stock_analysis.ingest.landing import ImportStoppedError
from stock_analysis.ingest.observer import Unobserved
from stock_analysis.ingest.ports import Fetched, PriceStore, PriceWriter, StoreInterruptedError
from stock_analysis.ingest.quarantine import QuarantineService
from stock_analysis.ingest.rows import RANGE, Counts, Report, Run, Selection
from stock_analysis.ingest.service import ImportService
from stock_analysis.testing.builders import epoch, random_bars, sessions

NOW = datetime(2024, 7, 5, 12, tzinfo=UTC)
DAYS = ["2024-06-24", "2024-06-25", "2024-06-26", "2024-06-27", "2024-06-28", "2024-07-01", "2024-07-02"]


def service(store: PriceStore, **more: object) -> ImportService:
    return ImportService(store, now=lambda: NOW, **more)  # type: ignore[arg-type]  # by name


def quarantine(store: PriceStore) -> QuarantineService:
    return QuarantineService(store, now=lambda: NOW)


def line(day: str, close: float | str = 10, symbol: str = "TEST", **cells: float | str) -> str:
    plain = float(close) if not isinstance(close, str) else 10.0
    row = {"open": plain, "high": plain * 1.1, "low": plain * 0.9, "close": close, "volume": 100} | cells
    return ",".join(map(str, [symbol, day, *row.values()]))


def write(folder: Path, lines: list[str], name: str = "prices.csv") -> Path:
    path = folder / name
    path.write_text("symbol,date,open,high,low,close,volume\n" + "".join(f"{one}\n" for one in lines))
    return path


async def take(store: PriceStore, path: Path, batch_rows: int = 100_000, **more: object) -> Report:
    return await service(store, **more).import_rows(open_rows(path, FileOptions(batch_rows=batch_rows)))


async def closes(store: PriceStore, interval: Interval = Interval.D1) -> dict[str, float]:
    return await column(store, "close", interval)


async def column(store: PriceStore, name: str, interval: Interval = Interval.D1) -> dict[str, float]:
    """One column of the bars of TEST by their times."""
    symbol = "TEST"
    listed = (await store.listed([symbol]))[symbol]
    span = np.array([(listed.id, -(1 << 33), 1 << 33)], RANGE)
    async with store.transaction() as writer:
        bars = await writer.stored(interval, span, 0)
    times = bars["t"].astype("datetime64[s]").astype(str)
    return dict(zip([one.removesuffix("T00:00:00") for one in times], bars[name].tolist(), strict=True))


async def versions(store: PriceStore, *symbols: str) -> list[int]:
    if hasattr(store, "version_of"):
        return [await store.version_of(one) for one in symbols]
    pool = store._pool  # type: ignore[attr-defined]  # the version is read by other services only
    return [await pool.fetchval("SELECT version FROM instrument WHERE symbol = $1", one) for one in symbols]


async def reasons(store: PriceStore) -> list[tuple[int, list[str]]]:
    return [(row.row_number, row.reasons) for row in await store.list_aside(Selection())]


def counts(report: Report) -> tuple[int, int, int, int]:
    found = report.run.counts
    return found.accepted, found.unchanged, found.corrected, found.quarantined


async def test_good_rows_land_and_bad_ones_are_kept_aside_with_their_reasons(
    store: PriceStore, tmp_path: Path
) -> None:
    rows = [
        line(DAYS[0]),
        line(DAYS[1], high=5),
        line(DAYS[2], volume=-1, open=""),
        line("2024-06-29"),
        line("2024-07-08"),
        line(DAYS[3], close="ten"),
        line(DAYS[4], symbol="NO SYMBOL"),
        line(DAYS[5], close="-1", low=-1),
    ]
    report = await take(store, write(tmp_path, rows))
    assert counts(report) == (1, 0, 0, 7)
    assert await closes(store) == {DAYS[0]: 10.0}
    assert await reasons(store) == [
        (2, ["ohlc_order"]),
        (3, ["missing", "negative_volume"]),
        (4, ["unknown_session"]),
        (5, ["future"]),
        (6, ["unparsable"]),
        (7, ["unparsable"]),
        (8, ["not_positive"]),
    ]
    assert report.reasons["unparsable"] == 2
    assert (report.run.status, report.run.rows_done, report.created) == ("done", 8, ["TEST"])


async def test_the_row_is_kept_as_the_file_has_it_with_a_time_that_needs_no_knowledge(
    store: PriceStore, tmp_path: Path
) -> None:
    rows = [line("06/24/2024"), line("06/25/2024", close="ten")]
    await take(store, write(tmp_path, rows))
    (row,) = await store.list_aside(Selection())
    assert list(row.row.items()) == [
        ("symbol", "TEST"),
        ("session", "2024-06-25"),
        ("open", 10.0),
        ("high", 11.0),
        ("low", 9.0),
        ("close", "ten"),
        ("volume", 100.0),
    ]


async def test_a_second_import_writes_nothing_and_bumps_nothing(store: PriceStore, tmp_path: Path) -> None:
    path = write(tmp_path, [line(day) for day in DAYS] + [line("2024-06-23")])
    await take(store, path)
    before = await versions(store, "TEST")
    report = await take(store, path)
    assert counts(report) == (0, 7, 0, 1)
    assert await versions(store, "TEST") == before
    assert len(await store.list_aside(Selection())) == 1


async def test_a_longer_file_adds_its_new_rows_and_keeps_no_row_aside_twice(
    store: PriceStore, tmp_path: Path
) -> None:
    bad = line("2024-06-23")
    await take(store, write(tmp_path, [bad, line(DAYS[0])]))
    report = await take(store, write(tmp_path, [bad, line(DAYS[0]), line(DAYS[1])]))
    assert counts(report) == (1, 1, 0, 1)
    assert len(await store.list_aside(Selection())) == 1


async def test_changed_values_correct_the_stored_bars_and_only_those(
    store: PriceStore, tmp_path: Path
) -> None:
    await take(store, write(tmp_path, [line(day) for day in DAYS]))
    before = await versions(store, "TEST")
    report = await take(store, write(tmp_path, [line(DAYS[0]), line(DAYS[3], close=12)]))
    assert counts(report) == (0, 1, 1, 0)
    assert await closes(store) == dict.fromkeys(DAYS, 10.0) | {DAYS[3]: 12.0}
    assert await versions(store, "TEST") == [before[0] + 1]


async def test_a_file_without_volumes_lands_with_0_and_leaves_those_that_are_stored(
    store: PriceStore, tmp_path: Path
) -> None:
    await take(store, write(tmp_path, [line(DAYS[0], volume=7), line(DAYS[1], volume=8)]))
    path = tmp_path / "TEST.csv"
    rows = [f"{DAYS[0]},10,11,9,10", f"{DAYS[1]},10,11,9,10.5", f"{DAYS[2]},10,11,9,10"]
    path.write_text("date,open,high,low,close\n" + "\n".join(rows))
    assert counts(await take(store, path)) == (1, 1, 1, 0)
    assert await closes(store) == {DAYS[0]: 10.0, DAYS[1]: 10.5, DAYS[2]: 10.0}
    assert list((await column(store, "volume")).values()) == [7.0, 8.0, 0.0]


async def test_in_a_file_with_volumes_an_empty_one_is_missing(store: PriceStore, tmp_path: Path) -> None:
    await take(store, write(tmp_path, [line(DAYS[0]), line(DAYS[1], volume="")]))
    assert await reasons(store) == [(2, ["missing"])]


async def test_an_import_bumps_the_instruments_it_touches_and_no_other(
    store: PriceStore, tmp_path: Path
) -> None:
    await take(store, write(tmp_path, [line(DAYS[0], symbol=one) for one in ("AAA", "BBB", "CCC")]))
    first = await versions(store, "AAA", "BBB", "CCC")
    await take(store, write(tmp_path, [line(DAYS[0], symbol="AAA"), line(DAYS[1], symbol="BBB")]))
    await take(store, write(tmp_path, [line("2024-06-23", symbol="CCC")]))
    assert await versions(store, "AAA", "BBB", "CCC") == [first[0], first[1] + 1, first[2] + 1]


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 100])
async def test_of_repeated_rows_the_first_sound_one_wins_in_any_batch(
    store: PriceStore, tmp_path: Path, batch_rows: int
) -> None:
    rows = [
        line(DAYS[0], close=12),
        line(DAYS[0], close=11),
        line(DAYS[1], high=5),
        line(DAYS[1]),
        line(DAYS[0]),
    ]
    report = await take(store, write(tmp_path, rows), batch_rows)
    assert counts(report) == (2, 0, 0, 3)
    assert await closes(store) == {DAYS[0]: 12.0, DAYS[1]: 10.0}
    assert await reasons(store) == [(2, ["duplicate"]), (3, ["ohlc_order"]), (5, ["duplicate"])]


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 4, 100])
async def test_a_spike_is_found_wherever_the_batches_are_cut(
    store: PriceStore, tmp_path: Path, batch_rows: int
) -> None:
    values = [10, 10, 1000, 10, 10, 10, 10]
    rows = [line(day, close=value) for day, value in zip(DAYS, values, strict=True)]
    report = await take(store, write(tmp_path, rows), batch_rows)
    assert (await reasons(store), report.reasons) == ([(3, ["jump"])], {"jump": 1})


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 100])
async def test_a_true_new_level_lands_wherever_the_batches_are_cut(
    store: PriceStore, tmp_path: Path, batch_rows: int
) -> None:
    values = [10, 10, 10, 10, 500, 500, 500]
    rows = [line(day, close=value) for day, value in zip(DAYS, values, strict=True)]
    report = await take(store, write(tmp_path, rows), batch_rows)
    assert counts(report) == (7, 0, 0, 0)


async def test_a_new_level_that_comes_bar_by_bar_keeps_one_bar_aside_not_the_whole_tail(
    store: PriceStore, tmp_path: Path
) -> None:
    values = [10, 10, 10, 500, 500, 500, 500]
    for number, (day, value) in enumerate(zip(DAYS, values, strict=True)):
        await take(store, write(tmp_path, [line(day, close=value)], f"{number}.csv"))
    (row,) = await store.list_aside(Selection())
    assert (row.row["session"], row.reasons) == (DAYS[3], ["jump"])
    replayed = await quarantine(store).replay(Selection())
    assert (replayed.accepted, replayed.stayed) == (1, 0)
    assert await closes(store) == dict(zip(DAYS, map(float, values), strict=True))


def quoted(day: str, number: str) -> str:
    return f'TEST,{day},"{number}","{number}","{number}","{number}",100'


@pytest.mark.parametrize(
    ("low", "high", "second"),
    [("10.50", "9,000.00", 9000.0), ("10,5", "9.000", 9000.0), ("10,5", "9.000,50", 9000.5)],
)
async def test_numbers_as_the_file_writes_them_stay_true_through_the_quarantine(
    store: PriceStore, tmp_path: Path, low: str, high: str, second: float
) -> None:
    first = [quoted(day, low) for day in DAYS[:3]] + [quoted(DAYS[3], high)]
    await take(store, write(tmp_path, first, "first.csv"))
    (row,) = await store.list_aside(Selection())
    assert (row.row["close"], row.values[3], row.reasons) == (high, second, ["jump"])
    await take(store, write(tmp_path, [line(DAYS[4], close=second, high=second, low=second)], "next.csv"))
    assert (await quarantine(store).replay(Selection())).accepted == 1
    assert list((await closes(store)).values()) == [10.5, 10.5, 10.5, second, second]


async def test_a_row_repaired_in_one_cell_keeps_the_numbers_of_the_others(
    store: PriceStore, tmp_path: Path
) -> None:
    rows = [quoted(DAYS[0], "10,5"), f'TEST,{DAYS[1]},"10,500","10,500","10,500",x,"12.345"']
    await take(store, write(tmp_path, rows))
    (row,) = await store.list_aside(Selection())
    with pytest.raises(InvalidInputError, match="close '10,500' is not a plain number"):
        await quarantine(store).repair(row.id, {"close": "10,500"})
    repaired = await quarantine(store).repair(row.id, {"close": "10.5"})
    assert repaired.values == (10.5, 10.5, 10.5, 10.5, 12345.0)
    assert (await quarantine(store).replay(Selection())).accepted == 1
    assert await closes(store) == {DAYS[0]: 10.5, DAYS[1]: 10.5}


async def test_a_known_split_explains_a_jump(store: PriceStore, tmp_path: Path) -> None:
    split = CorporateAction(date.fromisoformat(DAYS[6]), ActionKind.SPLIT, 50.0, "test")
    rows = [line(day, close=500) for day in DAYS[:6]] + [line(DAYS[6], close=10)]
    importer = service(store)
    await importer.put_instruments([Instrument("TEST", "Test", "XNYS", "USD")])
    await importer.import_actions("actions", b"a" * 32, [("TEST", split)])
    assert counts(await take(store, write(tmp_path, rows))) == (7, 0, 0, 0)


async def test_without_the_split_the_newest_bar_is_doubted(store: PriceStore, tmp_path: Path) -> None:
    rows = [line(day, close=500) for day in DAYS[:6]] + [line(DAYS[6], close=10)]
    await take(store, write(tmp_path, rows))
    assert await reasons(store) == [(7, ["jump"])]


async def test_rows_out_of_order_land_in_their_places(store: PriceStore, tmp_path: Path) -> None:
    rows = [line(day, close=10 + i) for i, day in enumerate(DAYS)]
    await take(store, write(tmp_path, rows[::-1]), 2)
    assert await closes(store) == {day: 10.0 + i for i, day in enumerate(DAYS)}


async def test_minutes_are_stored_by_the_exchanges_clock_and_only_in_its_sessions(
    store: PriceStore, tmp_path: Path
) -> None:
    times = [
        "2024-07-02 03:59",
        "2024-07-02 04:00",
        "2024-07-02 09:30",
        "2024-07-02 15:59",
        "2024-07-02 19:59",
        "2024-07-02 20:00",
        "2024-07-04 10:00",
    ]
    times += ["2024-01-02 09:30", "2024-07-02 09:30:30"]
    report = await take(store, write(tmp_path, [line(one) for one in times]))
    landed = ["2024-01-02T14:30:00", "2024-07-02T13:30:00", "2024-07-02T19:59:00"]
    landed += ["2024-07-02T08:00:00", "2024-07-02T23:59:00"]  # before and after the session
    assert await closes(store, interval=Interval.M1) == dict.fromkeys(landed, 10.0)
    assert report.reasons == {"outside_session": 3, "misaligned": 1}
    first = (await store.list_aside(Selection()))[0]
    assert first.row["ts"] == "2024-07-02T07:59:00Z"


@pytest.mark.parametrize(
    ("symbol", "exchange"),
    [("AAPL", "XNYS"), ("005930", "XKRX"), ("005930.KS", "XKRX"), ("T", "XNYS"), ("BRK.B", "XNYS")],
)
async def test_a_new_instrument_is_listed_where_its_symbol_tells(
    store: PriceStore, tmp_path: Path, symbol: str, exchange: str
) -> None:
    await take(store, write(tmp_path, [line(DAYS[0], symbol=symbol)]))
    assert (await store.listed([symbol]))[symbol].exchange == exchange


async def test_a_said_exchange_wins_and_an_unknown_one_is_refused(store: PriceStore, tmp_path: Path) -> None:
    source = open_rows(write(tmp_path, [line(DAYS[0])]), FileOptions())
    with pytest.raises(InvalidInputError, match="MARS"):
        await service(store).import_rows(source, Listing("MARS"))
    await service(store).import_rows(source, Listing("XNAS"))
    assert (await store.listed(["TEST"]))["TEST"].exchange == "XNAS"


class Watcher(Unobserved):
    """Remembers what was said to be safe; may stop the import."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.runs: list[Run] = []
        self.stop_at = stop_at

    def started(self, run: Run) -> None:
        self.runs.append(run)

    def advanced(self, run: Run) -> None:
        self.runs.append(run)

    def should_stop(self) -> bool:
        return self.stop_at is not None and self.runs[-1].rows_done >= self.stop_at


@pytest.mark.parametrize("next_batch_rows", [2, 3, 100])
async def test_an_import_that_was_stopped_goes_on_where_it_was(
    store: PriceStore, tmp_path: Path, next_batch_rows: int
) -> None:
    bad = [line("2024-06-23"), line(DAYS[2], close=11)]
    path = write(tmp_path, [line(day) for day in DAYS[:3]] + bad + [line(day) for day in DAYS[3:]])
    watcher = Watcher(stop_at=4)
    with pytest.raises(ImportStoppedError):
        await take(store, path, 2, observer=watcher, stop=watcher.should_stop)
    assert watcher.runs[-1].rows_done == 4
    again = Watcher()
    report = await take(store, path, next_batch_rows, observer=again)
    assert (again.runs[0].id, again.runs[0].rows_done) == (watcher.runs[0].id, 4)
    assert (report.rows_here, report.run.counts) == (5, Counts(9, 7, 0, 0, 2))
    assert await reasons(store) == [(4, ["unknown_session"]), (5, ["duplicate"])]
    assert await closes(store) == dict.fromkeys(DAYS, 10.0)


async def test_a_source_that_breaks_off_keeps_what_was_read_and_says_why(
    store: PriceStore, tmp_path: Path
) -> None:
    source = open_rows(write(tmp_path, [line(day) for day in DAYS]), FileOptions(batch_rows=2))

    class Broken:
        name, sha256, interval, rows_total = source.name, b"b" * 32, source.interval, source.rows_total
        stated, terms, terms_given = source.stated, source.terms, source.terms_given

        def batches(self) -> object:
            for number, batch in enumerate(source.batches()):
                if number == 2:
                    raise InvalidInputError("prices.csv cannot be read: the disk is broken")
                yield batch

    with pytest.raises(InvalidInputError, match="the disk is broken"):
        await service(store).import_rows(Broken())  # type: ignore[arg-type]  # like a source
    run = await store.open_run("prices.csv", b"b" * 32, "1d", 7)
    assert run.rows_done == 2
    assert await closes(store) == dict.fromkeys(DAYS[:2], 10.0)


class Flaky:
    """A store that goes away now and then; everything else is the real one."""

    def __init__(self, store: PriceStore, failing: Callable[[int], bool], *, after_commit: bool) -> None:
        self._store = store
        self._failing = failing
        self._after_commit = after_commit
        self._calls = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PriceWriter]:
        self._calls += 1
        fails = self._failing(self._calls)
        async with self._store.transaction() as writer:
            yield writer
            if fails and not self._after_commit:
                raise StoreInterruptedError("PostgreSQL", "it went away")
        if fails:
            raise StoreInterruptedError("PostgreSQL", "it went away after the commit")


@pytest.mark.parametrize("after_commit", [False, True])
async def test_a_store_that_goes_away_for_a_moment_costs_no_row_and_doubles_none(
    store: PriceStore, tmp_path: Path, *, after_commit: bool
) -> None:
    path = write(tmp_path, [line(day) for day in DAYS] + [line(DAYS[0]), line("2024-06-23")])
    flaky = Flaky(store, lambda call: call % 2 == 1, after_commit=after_commit)
    report = await take(flaky, path, 2)  # type: ignore[arg-type]  # like a store
    assert report.run.counts == Counts(9, 7, 0, 0, 2)
    assert await closes(store) == dict.fromkeys(DAYS, 10.0)
    assert await reasons(store) == [(8, ["duplicate"]), (9, ["unknown_session"])]


async def test_a_store_that_stays_away_ends_the_import_which_can_go_on_later(
    store: PriceStore, tmp_path: Path
) -> None:
    path = write(tmp_path, [line(day) for day in DAYS])
    flaky = Flaky(store, lambda call: call >= 3, after_commit=False)
    with pytest.raises(UnavailableError, match="it went away"):
        await take(flaky, path, 2, patience_s=0.25)  # type: ignore[arg-type]  # like a store
    report = await take(store, path, 2)
    assert (report.rows_here, report.run.counts) == (3, Counts(7, 7, 0, 0, 0))


async def test_what_a_provider_fetched_takes_the_same_way(store: PriceStore) -> None:
    t = sessions("2024-06-03", 10)
    bars = random_bars(t)
    bars.close[3] = np.nan
    split = CorporateAction(date(2024, 1, 2), ActionKind.SPLIT, 2.0, "test")
    fetched = Fetched(Instrument("TEST", "Test", "XNAS", "USD"), bars, [split])
    importer = service(store)
    report = await importer.import_fetched(fetched, Interval.D1, "yahoo")
    assert counts(report) == (9, 0, 0, 1)
    (row,) = await store.list_aside(Selection())
    assert (row.source, row.row["close"], row.reasons) == ("yahoo:TEST", None, ["missing"])
    before = await versions(store, "TEST")
    more = Fetched(fetched.instrument, bars[2:], [split])
    assert counts(await importer.import_fetched(more, Interval.D1, "yahoo")) == (0, 7, 0, 1)
    assert await versions(store, "TEST") == before
    assert len(await store.list_aside(Selection())) == 1


async def test_a_folder_brings_instruments_then_bars_then_actions_that_explain_jumps(
    store: PriceStore, tmp_path: Path
) -> None:
    (tmp_path / "instruments.csv").write_text("symbol,name,exchange,currency\nTEST,Test,XNAS,USD\n")
    (tmp_path / "actions.csv").write_text(
        f"symbol,ex_date,kind,value\nTEST,{DAYS[6]},split,50\nELSE,2020-01-02,split,2\nTEST,soon,split,2\n"
    )
    write(tmp_path, [line(day, close=500) for day in DAYS[:6]] + [line(DAYS[6], close=10)], "bars.csv")
    (tmp_path / "notes.md").write_text("not prices")
    imported = await import_path(service(store), tmp_path, FileOptions(), Listing())
    assert imported.instruments == ["TEST"]
    assert [counts(one) for one in imported.reports] == [(6, 0, 0, 1), (1, 0, 0, 2)]
    assert imported.reports[1].notes == ["TEST: 1 bars aside for a jump landed"]
    assert list((await closes(store)).values()) == [500.0] * 6 + [10.0]
    assert (await store.listed(["TEST"]))["TEST"].exchange == "XNAS"
    assert sorted(row.reasons[0] for row in await store.list_aside(Selection())) == [
        "unknown_instrument",
        "unparsable",
    ]
    again = await import_path(service(store), tmp_path, FileOptions(), Listing())
    assert [counts(one) for one in again.reports] == [(0, 7, 0, 0), (0, 1, 0, 2)]
    skipped = await import_path(service(store), tmp_path, FileOptions(), Listing(), skip_done=True)
    assert skipped.reports == []


async def test_files_of_a_folder_do_not_wait_for_one_that_cannot_be_read(
    store: PriceStore, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").touch()
    (tmp_path / "actions.csv").write_text("when,what\n")
    write(tmp_path, [line(DAYS[0])], "b.csv")
    (tmp_path / "c.parquet").write_bytes(b"PAR1 not PAR1")
    imported = await import_path(service(store), tmp_path, FileOptions(), Listing())
    assert [counts(one) for one in imported.reports] == [(1, 0, 0, 0)]
    assert [reason.split()[0] for reason in imported.unreadable] == ["a.csv", "c.parquet", "actions.csv"]
    with pytest.raises(InvalidInputError, match="is empty"):
        await import_path(service(store), tmp_path / "a.csv", FileOptions(), Listing())


async def test_an_empty_folder_is_refused(store: PriceStore, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="holds no file"):
        await import_path(service(store), tmp_path, FileOptions(), Listing())


async def test_a_repaired_row_lands_when_it_is_replayed(store: PriceStore, tmp_path: Path) -> None:
    path = write(tmp_path, [line(DAYS[0]), line(DAYS[1], close="ten"), line(DAYS[2], high=5)])
    await take(store, path)
    first, second = await store.list_aside(Selection())
    before = await versions(store, "TEST")
    edited = await quarantine(store).repair(first.id, {"close": "10.5"})
    assert edited.row["close"] == "10.5"
    report = await quarantine(store).replay(Selection())
    assert (report.accepted, report.stayed, report.reasons) == (1, 1, {"ohlc_order": 1})
    assert await closes(store) == {DAYS[0]: 10.0, DAYS[1]: 10.5}
    assert [row.id for row in await store.list_aside(Selection())] == [second.id]
    assert (await versions(store, "TEST"))[0] > before[0]
    report_again = await take(store, path)
    assert (counts(report_again), report_again.reasons) == ((0, 2, 0, 1), {"ohlc_order": 1})
    assert [row.id for row in await store.list_aside(Selection())] == [second.id]
    path.write_text(f"{path.read_text()}{line(DAYS[3])}\n")
    assert counts(await take(store, path)) == (1, 2, 0, 1)


async def test_a_broken_line_can_be_repaired_cell_by_cell(store: PriceStore, tmp_path: Path) -> None:
    path = tmp_path / "TEST.csv"
    path.write_text(f"date,open,high,low,close,volume\n{DAYS[0]},10,11,9,10,1\ngarbage\n")
    await take(store, path)
    (row,) = await store.list_aside(Selection())
    cells = {
        "symbol": "test",
        "session": DAYS[1],
        "open": "9",
        "high": "9",
        "low": "9",
        "close": "9",
        "volume": "1",
    }
    await quarantine(store).repair(row.id, cells)
    assert (await quarantine(store).replay(Selection(ids=(row.id,)))).accepted == 1
    assert await closes(store) == {DAYS[0]: 10.0, DAYS[1]: 9.0}


async def test_a_repair_of_no_row_or_no_cell_is_refused(store: PriceStore, tmp_path: Path) -> None:
    await take(store, write(tmp_path, [line("2024-06-23")]))
    (row,) = await store.list_aside(Selection())
    with pytest.raises(InvalidInputError, match="no open row"):
        await quarantine(store).repair(row.id + 1, {"close": "1"})
    with pytest.raises(InvalidInputError, match="no cell 'colour'"):
        await quarantine(store).repair(row.id, {"colour": "1"})


async def test_a_true_jump_lands_when_the_user_says_so(store: PriceStore, tmp_path: Path) -> None:
    values = [10, 10, 1000, 10, 10, 10, 10]
    await take(store, write(tmp_path, [line(day, close=v) for day, v in zip(DAYS, values, strict=True)]))
    assert (await quarantine(store).replay(Selection())).stayed == 1
    assert (await quarantine(store).replay(Selection(), accepted=["jump"])).accepted == 1
    assert (await closes(store))[DAYS[2]] == 1000.0


async def test_a_replayed_duplicate_never_overwrites_the_row_that_came_first(
    store: PriceStore, tmp_path: Path
) -> None:
    await take(store, write(tmp_path, [line(DAYS[0]), line(DAYS[0], close=11), line(DAYS[0])]))
    report = await quarantine(store).replay(Selection())
    assert (report.unchanged, report.stayed, report.reasons) == (1, 1, {"duplicate": 1})
    assert await closes(store) == {DAYS[0]: 10.0}


async def test_replayed_minutes_stay_at_their_instants(store: PriceStore, tmp_path: Path) -> None:
    rows = [line("2024-07-02 09:30"), line("2024-07-02 09:31", close="x"), line("2024-07-02 09:32")]
    await take(store, write(tmp_path, rows))
    (row,) = await store.list_aside(Selection())
    await quarantine(store).repair(row.id, {"close": "10"})
    assert (await quarantine(store).replay(Selection(symbol="TEST"))).accepted == 1
    found = await closes(store, interval=Interval.M1)
    assert list(found) == ["2024-07-02T13:30:00", "2024-07-02T13:31:00", "2024-07-02T13:32:00"]


async def test_actions_that_came_first_land_with_their_instrument(store: PriceStore, tmp_path: Path) -> None:
    split = CorporateAction(date(2020, 1, 2), ActionKind.SPLIT, 2.0, "test")
    await service(store).import_actions("actions.csv", b"a" * 32, [("TEST", split)])
    assert (await quarantine(store).replay(Selection())).reasons == {"unknown_instrument": 1}
    report = await take(store, write(tmp_path, [line(DAYS[0])]))
    assert report.notes == ["TEST: 1 actions that came first landed"]
    assert await store.list_aside(Selection()) == []
    number = (await store.listed(["TEST"]))["TEST"].id
    async with store.transaction() as writer:
        assert (await writer.splits([number])).tolist() == [(number, epoch("2020-01-02"), 2.0)]


async def test_actions_that_were_dismissed_are_not_counted_as_kept_aside_again(store: PriceStore) -> None:
    split = CorporateAction(date(2020, 1, 2), ActionKind.SPLIT, 2.0, "test")
    await service(store).import_actions("actions.csv", b"a" * 32, [("TEST", split)])
    await quarantine(store).dismiss(Selection())
    again = await service(store).import_actions("actions.csv", b"a" * 32, [("TEST", split)])
    assert (counts(again), again.reasons) == ((0, 1, 0, 0), {})


async def test_dismissed_rows_are_gone_for_good(store: PriceStore, tmp_path: Path) -> None:
    path = write(tmp_path, [line(DAYS[0]), line("2024-06-23"), line("2024-06-22")])
    await take(store, path)
    before = await versions(store, "TEST")
    (first, _) = await store.list_aside(Selection())
    assert await quarantine(store).dismiss(Selection(ids=(first.id,))) == 1
    assert await quarantine(store).dismiss(Selection(ids=(first.id,))) == 0
    assert counts(await take(store, path)) == (0, 2, 0, 1)
    assert len(await store.list_aside(Selection())) == 1
    assert (await versions(store, "TEST"))[0] == before[0] + 1
