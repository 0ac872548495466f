"""A price store in memory, by the same contract as the one on PostgreSQL."""

import asyncio
import copy
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from uuid import UUID, uuid4

import numpy as np

from stock_analysis.domain.actions import (
    ActionKey,
    ActionKind,
    CorporateAction,
    group_actions,
    restate,
)
from stock_analysis.domain.bars import IntArray, Interval
from stock_analysis.domain.instruments import Exchange, Instrument
from stock_analysis.ingest.forms import Adjusted
from stock_analysis.ingest.journal import Change
from stock_analysis.ingest.ports import ActionGroups
from stock_analysis.ingest.rows import (
    BAR,
    SPLIT,
    AroundSplit,
    Counts,
    KeptAside,
    Listed,
    Numbers,
    Rejected,
    Rows,
    Run,
    Selection,
    Stated,
)
from stock_analysis.testing.builders import epoch

EXCHANGES = {
    one.mic: one
    for one in (
        Exchange("XNYS", "New York Stock Exchange", "XNYS", "America/New_York", "USD", time(4), time(20)),
        Exchange("XNAS", "Nasdaq", "XNYS", "America/New_York", "USD"),
        Exchange("XKRX", "Korea Exchange (KOSPI)", "XKRX", "Asia/Seoul", "KRW"),
    )
}

Key = tuple[int, int]
Values = tuple[float, ...]


@dataclass
class _State:
    instruments: dict[str, tuple[int, Instrument]] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)
    bars: dict[Interval, dict[Key, Values]] = field(
        default_factory=lambda: {Interval.D1: {}, Interval.M1: {}}
    )
    actions: dict[ActionKey, tuple[CorporateAction, ...]] = field(default_factory=dict)
    runs: dict[UUID, Run] = field(default_factory=dict)
    aside: dict[int, "_Aside"] = field(default_factory=dict)
    accepted: dict[int, tuple[list[str], str]] = field(default_factory=dict)
    brought: dict[UUID, list[str]] = field(default_factory=dict)
    said: dict[UUID, dict[str, str]] = field(default_factory=dict)
    changes: list[tuple[UUID, Interval, Change]] = field(default_factory=list)


@dataclass
class _Aside:
    sha256: bytes
    original: dict[str, object]
    t: int | None
    kept: KeptAside


class InMemoryPriceStore:
    """Prices in dictionaries; one transaction at a time."""

    def __init__(self) -> None:
        self._state = _State()
        self._lock = asyncio.Lock()

    async def exchanges(self) -> dict[str, Exchange]:
        return EXCHANGES

    async def listed(self, symbols: Collection[str]) -> dict[str, Listed]:
        known = self._state.instruments
        return {
            one: Listed(known[one][0], one, known[one][1].exchange, known[one][1].currency)
            for one in symbols
            if one in known
        }

    async def add_instruments(
        self, instruments: Sequence[Instrument], *, update: bool = False, run_id: UUID | None = None
    ) -> list[str]:
        touched = []
        for one in instruments:
            number, stored = self._state.instruments.get(one.symbol, (len(self._state.versions) + 1, None))
            if stored is None or (update and stored != one):
                self._state.instruments[one.symbol] = (number, one)
                self._state.versions[number] = self._state.versions.get(number, -1) + 1
                touched.append(one.symbol)
                if run_id is not None:
                    self._state.brought.setdefault(run_id, []).append(one.symbol)
        return touched

    async def drop_empty(self, run_id: UUID) -> list[str]:
        with_bars = {number for bars in self._state.bars.values() for number, _ in bars}
        with_actions = {key[0] for key in self._state.actions}
        dropped = [
            symbol
            for symbol in self._state.brought.get(run_id, [])
            if self._state.instruments[symbol][0] not in with_bars | with_actions
        ]
        for symbol in dropped:
            del self._state.instruments[symbol]
            self._state.brought[run_id].remove(symbol)
        return dropped

    async def around_splits(self, symbols: Collection[str]) -> list[AroundSplit]:
        del symbols
        return []

    async def set_terms(self, symbols: Collection[str], terms: Adjusted, run_id: UUID) -> None:
        del symbols, terms, run_id

    async def note_reading(self, run_id: UUID, listing: dict[str, str], reading: Sequence[Stated]) -> None:
        del reading
        self._state.said[run_id] = listing

    async def listings(self, run_ids: Collection[UUID]) -> dict[UUID, dict[str, str]]:
        return {one: self._state.said.get(one, {}) for one in run_ids}

    async def open_run(self, source: str, sha256: bytes, interval: str, rows_total: int) -> Run:
        same = [run for run in self._state.runs.values() if run.sha256 == sha256]
        if same and same[-1].status != "done":
            run = replace(
                same[-1], status="running", error=None, rows_total=max(same[-1].rows_done, rows_total)
            )
        else:
            run = Run(
                uuid4(), source, sha256, interval, "running", rows_total, 0, Counts(), datetime.now(UTC)
            )
        self._state.runs[run.id] = run
        return run

    async def close_run(self, run_id: UUID, error: str | None = None) -> Run:
        run = self._state.runs[run_id]
        total = run.rows_done if error is None else run.rows_total
        status = "done" if error is None else "failed"
        self._state.runs[run_id] = replace(run, status=status, error=error, rows_total=total)
        return self._state.runs[run_id]

    async def is_done(self, sha256: bytes) -> bool:
        return any(run.sha256 == sha256 and run.status == "done" for run in self._state.runs.values())

    async def numbers_aside(self, sha256: bytes) -> IntArray:
        numbers = [one.kept.row_number for one in self._state.aside.values() if one.sha256 == sha256]
        return np.array(sorted(numbers), np.int64)

    async def list_aside(self, selection: Selection) -> list[KeptAside]:
        found = [one.kept for _, one in sorted(self._state.aside.items()) if _is_meant(one.kept, selection)]
        return found[: selection.limit]

    async def version_of(self, symbol: str) -> int:
        return self._state.versions[self._state.instruments[symbol][0]]

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["InMemoryPriceWriter"]:
        async with self._lock:
            before = copy.deepcopy(self._state)
            try:
                yield InMemoryPriceWriter(self, self._state)
            except BaseException:
                self._state = before
                raise


class InMemoryPriceWriter:
    """One transaction on the store in memory."""

    def __init__(self, store: InMemoryPriceStore, state: _State) -> None:
        self._store = store
        self._state = state

    async def lock_run(self, run_id: UUID) -> int:
        return self._state.runs[run_id].rows_done

    async def lock_instruments(self, ids: Sequence[int]) -> None:
        del ids

    async def stored(self, interval: Interval, ranges: Rows, beside: int) -> Rows:
        bars = self._state.bars[interval]
        found: dict[Key, Values] = {}
        for instrument, first, last in ranges.tolist():
            times = sorted(t for one, t in bars if one == instrument)
            before = [t for t in times if t < first][-beside:] if beside else []
            after = [t for t in times if t > last][:beside]
            inside = [t for t in times if first <= t <= last]
            found |= {(instrument, t): bars[instrument, t] for t in (*before, *inside, *after)}
        return _rows(found)

    async def doubted(self, interval: Interval, ranges: Rows) -> Rows:
        found: dict[Key, Values] = {}
        for one in self._state.aside.values():
            kept = one.kept
            if (kept.state, kept.interval, kept.reasons) != (
                "open",
                interval.value,
                ["jump"],
            ) or one.t is None:
                continue
            number = self._state.instruments[str(kept.symbol)][0]
            if one.t is not None and any(
                number == i and first <= one.t <= last for i, first, last in ranges.tolist()
            ):
                read = tuple(value for value in kept.values if value is not None)
                if len(read) == len(kept.values):
                    found[number, one.t] = read
        return _rows(found)

    async def splits(self, ids: Collection[int]) -> Rows:
        found = [
            (number, epoch(action.ex_date.isoformat()), action.value)
            for (number, _, kind), actions in self._state.actions.items()
            for action in actions
            if number in ids and kind is ActionKind.SPLIT
        ]
        return np.array(sorted(found), SPLIT)

    async def insert(self, interval: Interval, bars: Rows) -> None:
        for instrument, t, *values in bars.tolist():
            if (instrument, t) in self._state.bars[interval]:
                raise AssertionError(f"{instrument} {t} is stored already")
            self._state.bars[interval][instrument, t] = tuple(values)

    async def correct(self, interval: Interval, bars: Rows) -> None:
        for instrument, t, *values in bars.tolist():
            if (instrument, t) in self._state.bars[interval]:
                self._state.bars[interval][instrument, t] = tuple(values)

    async def put_actions(
        self, actions: Sequence[tuple[int, CorporateAction]], *, beside: bool = False
    ) -> tuple[int, int, list[int]]:
        new, changed, touched = 0, 0, set()
        for key, given in group_actions(actions).items():
            result = restate(self._state.actions.get(key, ()), given, beside=beside)
            if result.new or result.changed:
                self._state.actions[key] = result.actions
                touched.add(key[0])
            new, changed = new + result.new, changed + result.changed
        return new, changed, sorted(touched)

    async def keep_aside(self, run: Run, interval: str, rows: Sequence[Rejected]) -> list[str]:
        written = []
        for row in rows:
            if any(self._is_there(one, run, interval, row) for one in self._state.aside.values()):
                continue
            number = len(self._state.aside) + 1
            kept = KeptAside(
                id=number,
                source=run.source,
                row_number=row.row_number,
                symbol=row.symbol,
                interval=interval,
                row=row.row,
                values=row.values,
                is_repaired=False,
                reasons=row.reasons,
                state="open",
                created_at=datetime.now(UTC),
                import_id=run.id,
            )
            self._state.aside[number] = _Aside(run.sha256, row.row, row.t, kept)
            written.append(row.symbol)
        return written  # type: ignore[return-value]  # None for rows without a symbol, as of PostgreSQL

    async def settled_aside(self, run: Run, interval: str, rows: Sequence[Rejected]) -> set[int]:
        settled = [one for one in self._state.aside.values() if one.kept.state != "open"]
        return {
            row.row_number for row in rows if any(self._is_there(one, run, interval, row) for one in settled)
        }

    async def journal(self, run_id: UUID, interval: Interval, change: Change) -> None:
        self._state.changes.append((run_id, interval, change))

    async def action_groups(self, keys: Sequence[ActionKey]) -> ActionGroups:
        del keys
        return {}

    async def journal_actions(self, run_id: UUID, before: ActionGroups, after: ActionGroups) -> None:
        del run_id, before, after

    async def advance(self, run_id: UUID, counts: Counts) -> Run:
        run = self._state.runs[run_id]
        done = run.rows_done + counts.rows
        total = max(run.rows_total, done)
        self._state.runs[run_id] = replace(run, rows_done=done, rows_total=total, counts=run.counts + counts)
        return self._state.runs[run_id]

    async def bump(self, ids: Sequence[int]) -> None:
        for number in ids:
            self._state.versions[number] += 1

    async def select_aside(self, selection: Selection) -> list[KeptAside]:
        return await self._store.list_aside(selection)

    async def edit_aside(self, row_id: int, row: dict[str, object], values: Numbers) -> None:
        self._change(row_id, row=row, values=values, is_repaired=True)

    async def settle_aside(self, ids: Sequence[int], state: str) -> None:
        for row_id in ids:
            self._change(row_id, state=state)

    async def note_accepted(
        self, reasons: Mapping[int, list[str]], times: Mapping[int, int], by: str
    ) -> None:
        self._state.accepted |= {row_id: (names, by) for row_id, names in reasons.items()}
        for row_id in reasons:
            self._state.aside[row_id].t = times[row_id]

    async def doubt_again(self, reasons: Mapping[int, list[str]], times: Mapping[int, int]) -> None:
        for row_id, names in reasons.items():
            self._change(row_id, reasons=names)
            self._state.aside[row_id].t = times.get(row_id, self._state.aside[row_id].t)

    def _change(self, row_id: int, **changes: object) -> None:
        one = self._state.aside[row_id]
        one.kept = replace(one.kept, **changes)  # type: ignore[arg-type]  # fields of KeptAside

    @staticmethod
    def _is_there(one: _Aside, run: Run, interval: str, row: Rejected) -> bool:
        if one.sha256 == run.sha256:
            return one.kept.row_number == row.row_number
        same_place = row.symbol is not None and (one.kept.symbol, one.kept.interval) == (row.symbol, interval)
        same_numbers = one.kept.is_repaired or one.kept.values == row.values
        return same_place and one.original == row.row and same_numbers


def _rows(found: dict[Key, Values]) -> Rows:
    return np.array([(*key, *values) for key, values in sorted(found.items())], BAR)


def _is_meant(row: KeptAside, selection: Selection) -> bool:
    return (
        (selection.ids is None or row.id in selection.ids)
        and selection.symbol in {None, row.symbol}
        and (selection.reason is None or selection.reason in row.reasons)
        and selection.state in {None, row.state}
        and row.id > selection.after_id
    )
