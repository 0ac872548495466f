"""Rows kept aside: listed, repaired by hand, sent through the gate again, dismissed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from uuid import UUID

import numpy as np

from stock_analysis.domain.actions import CorporateAction
from stock_analysis.domain.bars import PRICE_COLUMNS, Bars, IntArray, Interval
from stock_analysis.domain.calendars import DAY_S
from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.domain.instruments import parse_symbol
from stock_analysis.ingest.actions import UNKNOWN_INSTRUMENT
from stock_analysis.ingest.cells import parse_when
from stock_analysis.ingest.gate import ACCEPTABLE, BESIDE, Prepared, Verdict, accept, judge, prepare, spans
from stock_analysis.ingest.instruments import Listing
from stock_analysis.ingest.journal import Change, keys_of
from stock_analysis.ingest.landing import utc_now
from stock_analysis.ingest.listings import parse_action
from stock_analysis.ingest.numbers import NOTHING, parse_plain_number
from stock_analysis.ingest.ports import PriceStore, PriceWriter
from stock_analysis.ingest.rows import (
    BAR,
    NO_TIME,
    KeptAside,
    Listed,
    RowBatch,
    Rows,
    Selection,
    count_reasons,
    time_cell,
)
from stock_analysis.kernels.quality import Defect

MOST_NAME = 100
"""Characters of the name of a person who accepts rows: it is shown beside the bars."""

_PAGE = 5000
_ACTION_FIELDS: tuple[str, ...] = ("symbol", "ex_date", "kind", "value", "source", "unit", "price")


@dataclass
class ReplayReport:
    """What became of rows that were sent through the gate again; reasons: of those that stay."""

    accepted: int = 0
    unchanged: int = 0
    corrected: int = 0
    stayed: int = 0
    reasons: dict[str, int] = field(default_factory=dict)


class QuarantineService:
    """What can be done with rows that the gate turned down."""

    def __init__(self, store: PriceStore, *, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._now = now

    async def list(self, selection: Selection) -> list[KeptAside]:
        """Rows of the quarantine, by id."""
        return await self._store.list_aside(selection)

    async def repair(self, row_id: int, changes: Mapping[str, str]) -> KeptAside:
        """Change cells of an open row; it stays aside until it is replayed.

        Numbers are typed as 1234.5, however the source writes them. Raises InvalidInputError if there is no
        such open row or cell, or a number is none.
        """
        async with self._store.transaction() as writer:
            found = await writer.select_aside(Selection(ids=(row_id,)))
            if not found:
                raise InvalidInputError(f"no open row {row_id} is in the quarantine")
            edited = _edited(found[0], changes)
            await writer.edit_aside(row_id, edited.row, edited.values)
            await self._bump(writer, [found[0], edited])
        return edited

    async def dismiss(self, selection: Selection) -> int:
        """Close open rows for good without storing them; returns how many."""
        async with self._store.transaction() as writer:
            found = await writer.select_aside(replace(selection, state="open", limit=1_000_000))
            await writer.settle_aside([one.id for one in found], "dismissed")
            await self._bump(writer, found)
        return len(found)

    async def replay(
        self,
        selection: Selection,
        *,
        accepted: Collection[str] = (),
        by: str = "",
        listing: Listing | None = None,
    ) -> ReplayReport:
        """Send open rows through the gate again: they land, or stay with the reasons of now.

        accepted: reasons for which the rows are true all the same, says the person `by`; recorded with the
        rows that land so. A row that was kept aside as a duplicate never overwrites the bar that came first.
        Raises InvalidInputError for a reason that no true row can have, or a name that is too long.
        """
        report, last_id = ReplayReport(), selection.after_id
        if len(by) > MOST_NAME:
            raise InvalidInputError(
                f"the name of who accepts has at most {MOST_NAME} characters, not {len(by)}"
            )
        truth = _Truth(_acceptable(accepted), by)
        while True:
            page = replace(selection, state="open", after_id=last_id, limit=_PAGE)
            rows = await self._store.list_aside(page)
            if not rows:
                return report
            last_id = rows[-1].id
            await self._replay_page([one.id for one in rows], report, truth, listing or Listing())

    async def _replay_page(
        self, ids: Sequence[int], report: ReplayReport, truth: "_Truth", listing: Listing
    ) -> None:
        listed = await self._list(ids, listing)
        async with self._store.transaction() as writer:
            await writer.lock_instruments(sorted(one.id for one in listed.values()))
            rows = await writer.select_aside(Selection(ids=tuple(ids), limit=len(ids)))
            for interval, group in groupby(sorted(rows, key=_interval_of), key=_interval_of):
                if interval == "actions":
                    await self._replay_actions(writer, list(group), listed, report)
                    continue
                for batch in _batches(list(group), Interval(interval)):
                    await self._replay_bars(writer, batch, listed, report, truth)
            await self._bump(writer, rows)

    async def _list(self, ids: Sequence[int], listing: Listing) -> dict[str, Listed]:
        """The instruments of these rows, those of bars created where they are missing."""
        rows = await self._store.list_aside(Selection(ids=tuple(ids), limit=len(ids)))
        symbols = {symbol for row in rows if (symbol := _symbol(row)) is not None}
        of_bars = {_symbol(row) for row in rows if row.interval != "actions"}
        listed = await self._store.listed(symbols)
        missing = sorted(symbol for symbol in symbols - listed.keys() if symbol in of_bars)
        if missing:
            await self._create(missing, rows, listing)
            listed = await self._store.listed(symbols)
        return listed

    async def _create(self, symbols: Sequence[str], rows: Sequence[KeptAside], listing: Listing) -> None:
        """Instruments as said now, else as was said when their rows were imported."""
        exchanges = await self._store.exchanges()
        said = await self._store.listings({row.import_id for row in rows})
        for run_id in said:
            own = {_symbol(row) for row in rows if row.import_id == run_id and row.interval != "actions"}
            then = listing if listing.said else Listing.of(said[run_id])
            new = [then.instrument(one, exchanges) for one in symbols if one in own]
            if new:
                await self._store.add_instruments(new, run_id=run_id)

    async def _replay_bars(
        self,
        writer: PriceWriter,
        batch: "_Batch",
        listed: dict[str, Listed],
        report: ReplayReport,
        truth: "_Truth",
    ) -> None:
        interval = batch.interval
        exchanges = await self._store.exchanges()
        prepared = prepare(batch.rows, interval, listed, exchanges, self._now())
        prepared = accept(prepared, truth.accepted)
        stored = await writer.stored(interval, spans(prepared, interval), BESIDE)
        verdict = judge(
            prepared,
            interval,
            stored=stored,
            doubted=await writer.doubted(interval, spans(prepared, interval, wider=True)),
            following=np.empty(0, BAR),
            splits=await writer.splits(prepared.instruments),
            accept_jumps=bool(truth.accepted & Defect.JUMP),
            may_correct=~batch.duplicate[prepared.index],
        )
        if len(verdict.new):
            await writer.insert(interval, verdict.new)
        if len(verdict.corrected):
            await writer.correct(interval, verdict.corrected)
        await _journal(writer, batch, prepared, verdict)
        await _settle(writer, batch, prepared, verdict)
        if truth.accepted:
            await _note_accepted(writer, batch, prepared, verdict, truth)
        report.accepted += len(verdict.new)
        report.unchanged += verdict.unchanged
        report.corrected += len(verdict.corrected)
        report.stayed += len(verdict.rejected)
        for defects in verdict.defects[verdict.rejected].tolist():
            count_reasons(report.reasons, Defect(defects).reasons)

    async def _replay_actions(
        self,
        writer: PriceWriter,
        rows: Sequence[KeptAside],
        listed: dict[str, Listed],
        report: ReplayReport,
    ) -> None:
        reasons: dict[int, list[str]] = {}
        known: dict[UUID, dict[tuple[int, CorporateAction], tuple[int, CorporateAction]]] = {}
        for row in rows:
            try:
                symbol, action = parse_action(row.row, row.source)
            except (InvalidInputError, ValueError, KeyError):
                reasons[row.id] = ["unparsable"]
                continue
            if symbol not in listed:
                reasons[row.id] = [UNKNOWN_INSTRUMENT]
                continue
            action_of = (listed[symbol].id, action)
            of_import = known.setdefault(row.import_id, {})
            of_import.setdefault((listed[symbol].id, replace(action, source="")), action_of)
        new = changed = 0
        for run_id, actions in known.items():
            counts = await _add_actions(writer, run_id, list(actions.values()))
            new, changed = new + counts[0], changed + counts[1]
        report.accepted += new
        report.corrected += changed
        report.unchanged += len(rows) - len(reasons) - new - changed
        await writer.settle_aside([row.id for row in rows if row.id not in reasons], "replayed")
        await writer.doubt_again(reasons, {})
        report.stayed += len(reasons)
        for names in reasons.values():
            count_reasons(report.reasons, names)

    async def _bump(self, writer: PriceWriter, rows: Sequence[KeptAside]) -> None:
        symbols = {one for row in rows for one in (row.symbol, _symbol(row)) if one is not None}
        listed = await self._store.listed(symbols)
        if listed:
            await writer.bump(sorted(one.id for one in listed.values()))


@dataclass(frozen=True, slots=True)
class _Truth:
    """What a person says of rows: true for all that is wrong with them."""

    accepted: Defect
    by: str


def _acceptable(reasons: Collection[str]) -> Defect:
    found = Defect(0)
    for reason in reasons:
        one = Defect.__members__.get(reason.strip().upper().replace("-", "_"))
        if one is None or not one & ACCEPTABLE:
            known = ", ".join(ACCEPTABLE.reasons)
            raise InvalidInputError(f"a row with {reason[:40]!r} cannot be true; what can be: {known}")
        found |= one
    return found


@dataclass(frozen=True, slots=True)
class _Batch:
    """Quarantined rows as rows of a source. duplicate: which were kept aside as repeats of others."""

    rows: RowBatch
    interval: Interval
    ids: IntArray
    imports: list[UUID]
    reasons: list[list[str]]
    duplicate: "np.typing.NDArray[np.bool_]"


def _batches(rows: Sequence[KeptAside], interval: Interval) -> list[_Batch]:
    """The rows parsed; those on the exchange's clock apart from those on UTC."""
    parsed = [(_bar(row, interval), row) for row in rows]
    found = []
    for naive in (False, True):
        own = [(bar, row) for bar, row in parsed if bar.naive is naive]
        if own:
            found.append(_batch([bar for bar, _ in own], [row for _, row in own], interval, naive=naive))
    return found


@dataclass(frozen=True, slots=True)
class _Bar:
    symbol: str | None
    t: int
    naive: bool
    values: list[float | None]


def _bar(row: KeptAside, interval: Interval) -> _Bar:
    when = parse_when(str(row.row.get(time_cell(interval)) or ""))
    values = [_value(row.row.get(name), one) for name, one in zip(PRICE_COLUMNS, row.values, strict=True)]
    if when is None:
        return _Bar(_symbol(row), NO_TIME, False, values)
    wall, offset = when
    if interval is Interval.D1:
        return _Bar(_symbol(row), wall - wall % DAY_S, False, values)
    return _Bar(_symbol(row), wall - (0 if offset == NO_TIME else offset), offset == NO_TIME, values)


def _value(cell: object, number: float | None) -> float | None:
    """The number read from a cell, NaN for nothing, None if it is no number."""
    if number is not None:
        return number
    return np.nan if cell is None or str(cell).strip().lower() in NOTHING else None


def _batch(bars: Sequence[_Bar], rows: Sequence[KeptAside], interval: Interval, *, naive: bool) -> _Batch:
    symbols = sorted({bar.symbol for bar in bars if bar.symbol is not None})
    code = {symbol: number for number, symbol in enumerate(symbols)}
    codes = np.array([-1 if bar.symbol is None else code[bar.symbol] for bar in bars], np.int64)
    t = np.array([bar.t for bar in bars], np.int64)
    values = np.array([[np.nan if one is None else one for one in bar.values] for bar in bars], np.float64)
    unreadable = np.array([None in bar.values for bar in bars]) | (codes < 0) | (t == NO_TIME)
    defects = np.where(unreadable, np.uint16(Defect.UNPARSABLE), np.uint16(0))
    number = np.arange(1, len(bars) + 1, dtype=np.int64)
    return _Batch(
        RowBatch(number, codes, symbols, Bars(t, *values.T.copy()), defects, lambda _: [], naive),
        interval,
        np.array([row.id for row in rows], np.int64),
        [row.import_id for row in rows],
        [row.reasons for row in rows],
        np.array(["duplicate" in row.reasons and not row.is_repaired for row in rows]),
    )


async def _add_actions(
    writer: PriceWriter, run_id: UUID, actions: Sequence[tuple[int, CorporateAction]]
) -> tuple[int, int]:
    """Put actions of an import beside those that are stored; returns how many are new, and changed."""
    keys = sorted({(one, action.ex_date, action.kind) for one, action in actions})
    before = await writer.action_groups(keys)
    new, changed, _ = await writer.put_actions(actions, beside=True)
    await writer.journal_actions(run_id, before, await writer.action_groups(keys))
    return new, changed


async def _journal(writer: PriceWriter, batch: _Batch, prepared: Prepared, verdict: Verdict) -> None:
    """What landed belongs to the imports that the rows came from."""
    own = np.array([batch.imports.index(batch.imports[row]) for row in prepared.index.tolist()])
    source = {
        (int(bar["instrument"]), int(bar["t"])): batch.imports[place]
        for bar, place, landed in zip(prepared.bars, own.tolist(), verdict.landed, strict=True)
        if landed
    }

    def part(bars: Rows, run_id: UUID) -> Rows:
        mine = [source[int(bar["instrument"]), int(bar["t"])] == run_id for bar in bars]
        return bars[np.array(mine, np.bool_)]

    for run_id in dict.fromkeys(source.values()):
        new, equal = keys_of(part(verdict.new, run_id)), keys_of(part(verdict.equal, run_id))
        await writer.journal(run_id, batch.interval, Change(new, equal, part(verdict.replaced, run_id)))


async def _note_accepted(
    writer: PriceWriter, batch: _Batch, prepared: Prepared, verdict: Verdict, truth: _Truth
) -> None:
    """Record of what landed all the same why it would not have, and who said that it is true."""
    places = prepared.index[verdict.landed].tolist()
    known = set(truth.accepted.reasons)
    reasons = {
        int(batch.ids[place]): [one for one in batch.reasons[place] if one in known] for place in places
    }
    times = dict(zip(batch.ids[places].tolist(), prepared.bars["t"][verdict.landed].tolist(), strict=True))
    doubted = {row_id: names for row_id, names in reasons.items() if names}
    await writer.note_accepted(doubted, times, truth.by)


async def _settle(writer: PriceWriter, batch: _Batch, prepared: Prepared, verdict: Verdict) -> None:
    ids = batch.ids[prepared.index]
    await writer.settle_aside(ids[verdict.landed].tolist(), "replayed")
    stay = verdict.rejected.tolist()
    reasons = {int(ids[row]): Defect(int(verdict.defects[row])).reasons for row in stay}
    times = {
        int(ids[row]): int(prepared.bars["t"][row]) for row in stay if prepared.bars["t"][row] != NO_TIME
    }
    await writer.doubt_again(reasons, times)


def _edited(row: KeptAside, changes: Mapping[str, str]) -> KeptAside:
    known = (
        _ACTION_FIELDS
        if row.interval == "actions"
        else ("symbol", time_cell(Interval(row.interval)), *PRICE_COLUMNS)
    )
    for name in changes:
        if name not in known:
            raise InvalidInputError(f"the row has no cell {name!r}; it has {', '.join(known)}")
    values = tuple(
        _typed(name, changes[name]) if name in changes else number
        for name, number in zip(PRICE_COLUMNS, row.values, strict=True)
    )
    cells = {name: row.row.get(name) for name in known} | dict(changes)
    return replace(row, row=cells, values=values, is_repaired=True)


def _typed(name: str, text: str) -> float | None:
    """A number as a person types it: what may be read in two ways is refused."""
    number = parse_plain_number(text)
    if number is None:
        raise InvalidInputError(f"{name} {text!r} is not a plain number like 1234.5")
    return None if np.isnan(number) else number


def _interval_of(row: KeptAside) -> str:
    return row.interval


def _symbol(row: KeptAside) -> str | None:
    try:
        return parse_symbol(str(row.row.get("symbol") or row.symbol or ""))
    except InvalidInputError:
        return None
