"""Imports taken back as a whole, on real PostgreSQL."""

import random
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.ingest.files import FileOptions, open_rows
from stock_analysis.ingest.folder import import_path
from stock_analysis.ingest.housekeeping import Corrections, InstrumentService
from stock_analysis.ingest.instruments import Listing
from stock_analysis.ingest.quarantine import QuarantineService
from stock_analysis.ingest.repository import PostgresPriceStore
from stock_analysis.ingest.rows import Report, Selection
from stock_analysis.ingest.runs import RunService
from stock_analysis.ingest.runs_repository import PostgresRunStore
from stock_analysis.ingest.service import ImportService
from stock_analysis.testing.builders import sessions

NOW = datetime(2024, 7, 5, 12, tzinfo=UTC)
DAYS = [
    str(day) for day in sessions("2024-06-03", 20).astype("datetime64[s]").astype("datetime64[D]").tolist()
]


class Imports:
    """Imports files of one folder, and looks at all that they changed."""

    def __init__(self, pool: asyncpg.Pool, folder: Path) -> None:
        self._pool = pool
        self._folder = folder
        self._store = PostgresPriceStore(pool)
        self._service = ImportService(self._store, now=lambda: NOW)
        self.runs = RunService(PostgresRunStore(pool))
        self.instruments = InstrumentService(pool)

    async def bars(self, name: str, closes: dict[str, float], symbol: str = "TEST", **said: Any) -> Report:
        """Import bars of these days with these closes."""
        path = self._folder / name
        lines = (
            f"{symbol},{day},{close},{close + 1},{close - 1},{close},100\n" for day, close in closes.items()
        )
        path.write_text("symbol,date,open,high,low,close,volume\n" + "".join(lines))
        return await self._service.import_rows(open_rows(path, FileOptions(**said)))

    async def actions(self, name: str, *lines: str, symbol: str = "TEST") -> Report:
        """Import actions of a symbol: day,kind,value."""
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        path = folder / "actions.csv"
        path.write_text("symbol,ex_date,kind,value\n" + "".join(f"{symbol},{line}\n" for line in lines))
        (report,) = (await import_path(self._service, path, FileOptions(), Listing())).reports
        return report

    async def quarantine(self) -> QuarantineService:
        return QuarantineService(self._store, now=lambda: NOW)

    async def state(self) -> dict[str, list[tuple[object, ...]]]:
        """All that an import may change, but versions and records of imports."""
        queries = {
            "instruments": "SELECT symbol, name, exchange, currency, adjusted, adjusted_until FROM instrument"
            " ORDER BY 1",
            "bars": "SELECT symbol, session, open, high, low, close, volume FROM bar_1d b"
            " JOIN instrument i ON i.id = b.instrument_id ORDER BY 1, 2",
            "actions": "SELECT symbol, ex_date, a.kind, value FROM corporate_action a"
            " JOIN instrument i ON i.id = a.instrument_id ORDER BY 1, 2, 3, 4",
            "quarantine": "SELECT source, row_number, symbol, state, reasons::text FROM quarantine"
            " ORDER BY 1, 2",
        }
        return {name: [tuple(row) for row in await self._pool.fetch(sql)] for name, sql in queries.items()}


@pytest.fixture
def imports(pool: asyncpg.Pool, tmp_path: Path) -> Imports:
    return Imports(pool, tmp_path)


async def test_an_import_is_taken_back_with_bars_rows_aside_and_instrument(imports: Imports) -> None:
    before = await imports.state()
    await imports.bars("first.csv", {DAYS[0]: 10, DAYS[1]: 11, "2024-06-08": 12})
    undone = await imports.runs.undo("last")
    assert await imports.state() == before
    assert (undone.removed, undone.quarantined, undone.instruments, undone.stays) == (2, 1, ["TEST"], {})


async def test_what_a_later_import_corrected_stays_as_that_one_has_it_and_is_named(imports: Imports) -> None:
    first = await imports.bars("first.csv", {DAYS[0]: 10, DAYS[1]: 11, DAYS[2]: 12})
    await imports.bars("second.csv", {DAYS[1]: 11.5})
    undone = await imports.runs.undo(str(first.run.id))
    assert (undone.removed, undone.restored, undone.stays) == (2, 0, {"second.csv": 1})
    assert undone.instruments == []
    assert [(row[1], row[5]) for row in (await imports.state())["bars"]] == [(date(2024, 6, 4), 11.5)]
    undone = await imports.runs.undo("last")
    assert (undone.removed, undone.stays) == (1, {})
    assert (await imports.state())["bars"] == []


async def test_corrections_are_taken_back_to_what_was_there(imports: Imports) -> None:
    await imports.bars("first.csv", {DAYS[0]: 10, DAYS[1]: 11})
    before = await imports.state()
    await imports.bars("second.csv", {DAYS[0]: 10.5, DAYS[1]: 11, DAYS[2]: 12})
    undone = await imports.runs.undo("last")
    assert await imports.state() == before
    assert (undone.removed, undone.restored) == (1, 1)
    assert undone.stays == {"first.csv": 2}


async def test_bars_from_before_the_journal_are_given_back(imports: Imports, pool: asyncpg.Pool) -> None:
    await imports.bars("first.csv", {DAYS[0]: 10, DAYS[1]: 11})
    await pool.execute("DELETE FROM import_change")
    before = await imports.state()
    await imports.bars("second.csv", {DAYS[0]: 10.5, DAYS[1]: 11})
    undone = await imports.runs.undo("last")
    assert await imports.state() == before
    assert undone.stays == {"what was there before": 2}


async def test_actions_are_taken_back_too(imports: Imports) -> None:
    await imports.bars("first.csv", {DAYS[0]: 10, DAYS[1]: 11})
    await imports.actions("a", f"{DAYS[1]},dividend,1", f"{DAYS[2]},split,2")
    before = await imports.state()
    await imports.actions("b", f"{DAYS[1]},dividend,3", f"{DAYS[3]},dividend,4")
    undone = await imports.runs.undo("last")
    assert await imports.state() == before
    assert (undone.actions, undone.actions_stay) == (2, {"actions.csv": 1})


async def test_replayed_rows_belong_to_the_import_they_came_from(imports: Imports) -> None:
    await imports.bars("first.csv", {DAYS[0]: 10, DAYS[1]: 10, DAYS[2]: 10})
    before = await imports.state()
    await imports.bars("second.csv", {DAYS[3]: 500})
    replayed = await (await imports.quarantine()).replay(Selection(), accepted=["jump"])
    assert replayed.accepted == 1
    undone = await imports.runs.undo("last")
    assert await imports.state() == before
    assert (undone.removed, undone.quarantined) == (1, 1)


async def test_rows_aside_that_a_second_import_of_the_file_has_stay_with_it(imports: Imports) -> None:
    first = await imports.bars("first.csv", {DAYS[0]: 10, "2024-06-08": 12})
    await imports.bars("first.csv", {DAYS[0]: 10, "2024-06-08": 12})
    before = await imports.state()
    undone = await imports.runs.undo(str(first.run.id))
    assert await imports.state() == before
    assert (undone.quarantined, undone.stays) == (0, {"first.csv": 1})


async def test_an_import_that_was_taken_back_can_be_made_again(imports: Imports) -> None:
    await imports.bars("first.csv", {DAYS[0]: 10, DAYS[1]: 11, "2024-06-08": 12})
    after = await imports.state()
    await imports.runs.undo("last")
    report = await imports.bars("first.csv", {DAYS[0]: 10, DAYS[1]: 11, "2024-06-08": 12})
    assert report.run.counts.accepted == 2
    assert await imports.state() == after


async def test_no_import_is_taken_back_twice_and_an_unknown_one_says_where_to_look(imports: Imports) -> None:
    await imports.bars("first.csv", {DAYS[0]: 10})
    await imports.runs.undo("last")
    with pytest.raises(InvalidInputError, match="was taken back before"):
        await imports.runs.undo("last")
    for text in ("ffffffff", "no id", ""):
        with pytest.raises(InvalidInputError):
            await imports.runs.undo(text)


async def test_the_record_says_how_the_source_was_read(imports: Imports) -> None:
    report = await imports.bars("first.csv", {DAYS[0]: 10})
    record = await imports.runs.find(str(report.run.id)[:8])
    assert record.reading == report.reading
    assert [one.run.source for one in await imports.runs.list(10)] == ["first.csv"]


async def test_imports_of_a_merged_instrument_are_taken_back_where_their_bars_went(imports: Imports) -> None:
    await imports.bars("kept.csv", {DAYS[2]: 12, DAYS[3]: 13})
    await imports.actions("kept", f"{DAYS[2]},dividend,1")
    before = await imports.state()
    first = await imports.bars("moved.csv", {DAYS[0]: 10, DAYS[1]: 11, DAYS[2]: 99}, "OLD")
    second = await imports.bars("corrected.csv", {DAYS[1]: 11.5}, "OLD")
    third = await imports.actions("moved", f"{DAYS[1]},dividend,3", f"{DAYS[2]},dividend,4", symbol="OLD")
    await imports.instruments.merge("OLD", "TEST")
    undone = await imports.runs.undo(str(second.run.id))
    assert (undone.removed, undone.restored, undone.stays) == (0, 1, {"moved.csv": 1})
    undone = await imports.runs.undo(str(third.run.id))
    assert (undone.actions, undone.actions_stay) == (1, {})
    undone = await imports.runs.undo(str(first.run.id))
    assert (undone.removed, undone.restored, undone.instruments) == (2, 0, [])
    assert await imports.state() == before


async def test_after_a_merge_an_instrument_goes_with_the_last_import_that_brought_it(
    imports: Imports,
) -> None:
    before = await imports.state()
    first = await imports.bars("test.csv", {DAYS[0]: 10})
    await imports.bars("old.csv", {DAYS[1]: 10}, "OLD")
    await imports.instruments.merge("OLD", "TEST")
    assert (await imports.runs.undo("last")).instruments == []
    assert (await imports.runs.undo(str(first.run.id))).instruments == ["TEST"]
    assert await imports.state() == before


async def test_an_instrument_that_no_import_brought_stays_after_a_merge(
    imports: Imports, pool: asyncpg.Pool
) -> None:
    await imports.bars("test.csv", {DAYS[0]: 10})
    await pool.execute("DELETE FROM import_change; DELETE FROM bar_1d")
    before = await imports.state()
    await imports.bars("old.csv", {DAYS[1]: 10}, "OLD")
    await imports.instruments.merge("OLD", "TEST")
    assert (await imports.runs.undo("last")).instruments == []
    assert await imports.state() == before


async def test_an_import_from_before_the_record_is_refused_and_stays(
    imports: Imports, pool: asyncpg.Pool
) -> None:
    await imports.bars("first.csv", {DAYS[0]: 10, "2024-06-08": 12})
    await pool.execute("DELETE FROM import_change")
    before = await imports.state()
    with pytest.raises(InvalidInputError, match="is older than the record"):
        await imports.runs.undo("last")
    assert await imports.state() == before
    assert (await imports.runs.find("last")).run.status == "done"


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [(None, "none", "as traded"), ("split", "split", "adjusted for splits"), ("all", "all", "dividends")],
)
async def test_what_an_import_said_of_prices_is_taken_back_with_it(
    imports: Imports, first: str | None, second: str, told: str
) -> None:
    nothing = await imports.state()
    one = await imports.bars("first.csv", {DAYS[0]: 10}, adjusted=first)
    before = await imports.state()
    await imports.bars("second.csv", {DAYS[1]: 10}, adjusted=second)
    after = await imports.state()
    assert after["instruments"] != before["instruments"]
    assert told in (await imports.runs.undo("last")).terms["TEST"]
    assert await imports.state() == before
    await imports.bars("second.csv", {DAYS[1]: 10}, adjusted=second)
    await imports.runs.undo(str(one.run.id))
    assert (await imports.state())["instruments"] == after["instruments"]
    await imports.runs.undo("last")
    assert await imports.state() == nothing


async def test_prices_taken_for_adjusted_are_as_traded_again_and_what_a_person_said_stays(
    imports: Imports,
) -> None:
    await imports.bars("first.csv", {DAYS[0]: 10, DAYS[1]: 10, DAYS[2]: 10, DAYS[3]: 10})
    before = await imports.state()
    await imports.actions("a", f"{DAYS[2]},split,2")
    assert (await imports.state())["instruments"][0][4] == "split"
    assert (await imports.runs.undo("last")).terms == {"TEST": "as traded"}
    assert await imports.state() == before
    report = await imports.bars("second.csv", {DAYS[4]: 10}, "OTHER", adjusted="split")
    await imports.bars("third.csv", {DAYS[5]: 10}, "OTHER")
    await imports.instruments.correct("OTHER", Corrections(adjusted="all"))
    assert (await imports.runs.undo(str(report.run.id))).terms == {}
    assert (await imports.state())["instruments"][0][4] == "all"


@pytest.mark.parametrize("seed", range(12))
async def test_undoing_all_of_any_sequence_of_imports_in_any_order_leaves_nothing(
    imports: Imports, seed: int
) -> None:
    chance = random.Random(seed)
    before = await imports.state()
    runs, states = [], [before]
    for number in range(6):
        days = chance.sample(DAYS, chance.randint(1, 12))
        closes = {day: 10 + chance.randint(0, 2) / 20 for day in sorted(days)}
        report = await imports.bars(f"{number}.csv", closes, chance.choice(["TEST", "OTHER"]))
        runs.append(report.run.id)
        states.append(await imports.state())
    newest_first = chance.random() < 0.5
    while runs:
        run = runs.pop() if newest_first else runs.pop(chance.randrange(len(runs)))
        await imports.runs.undo(str(run))
        if newest_first:
            assert await imports.state() == states[len(runs)]
    assert await imports.state() == before


@pytest.mark.parametrize("seed", range(6))
async def test_after_a_merge_undoing_all_in_any_order_leaves_nothing(imports: Imports, seed: int) -> None:
    chance = random.Random(seed)
    before = await imports.state()
    runs = []
    for number in range(6):
        days = chance.sample(DAYS, chance.randint(1, 8))
        closes = {day: 10 + chance.randint(0, 2) / 100 for day in sorted(days)}
        report = await imports.bars(f"{number}.csv", closes, ["TEST", "OLD"][number % 2])
        runs.append(report.run.id)
    if chance.random() < 0.5:
        await imports.runs.undo(str(runs.pop(chance.randrange(2, 6))))
    await imports.instruments.merge("OLD", "TEST")
    chance.shuffle(runs)
    for run in runs:
        await imports.runs.undo(str(run))
    assert await imports.state() == before
