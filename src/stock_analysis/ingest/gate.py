"""The quality gate at work: rows of a source against calendars, splits and what is stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from stock_analysis.domain.bars import PRICE_COLUMNS, BoolArray, FloatArray, IntArray, Interval
from stock_analysis.domain.calendars import DAY_S, load_calendar
from stock_analysis.domain.instruments import Exchange
from stock_analysis.ingest.cells import to_wall_clock
from stock_analysis.ingest.rows import BAR, NO_TIME, RANGE, Listed, RowBatch, Rows
from stock_analysis.kernels.quality import (
    SPIKE_BARS,
    Defect,
    DefectArray,
    find_duplicates,
    find_jumps,
    inspect_minutes,
    inspect_sessions,
    inspect_values,
)
from stock_analysis.kernels.unadjustment import later_split_factor

BESIDE = SPIKE_BARS
"""How many stored bars on either side of a batch the gate looks at."""

ACCEPTABLE = (
    Defect.JUMP | Defect.NOT_POSITIVE | Defect.HALTED | Defect.UNKNOWN_SESSION | Defect.OUTSIDE_SESSION
)
"""What may be wrong with a row that is true all the same; a person has to say so."""

_UNKNOWN = -1
_KEY_SPAN = 2 * -NO_TIME
_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Limits:
    """When two prices of an interval disagree: further apart than ratio, if they are within gap_s."""

    ratio: float
    gap_s: int


LIMITS = {Interval.D1: Limits(3.0, 10 * DAY_S), Interval.M1: Limits(2.0, 4 * DAY_S)}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch by instrument and time, with all that can be said of each row without looking around.

    bars: (n,) BAR, instrument -1 where unknown; equal times in the order of the source. number: (n,) row
    numbers. index: (n,) rows of `batch`. defects: (n,) Defect.
    """

    bars: Rows
    number: IntArray
    index: IntArray
    defects: DefectArray
    batch: RowBatch

    def __len__(self) -> int:
        return len(self.number)

    def __getitem__(self, rows: BoolArray) -> "Prepared":
        return Prepared(self.bars[rows], self.number[rows], self.index[rows], self.defects[rows], self.batch)

    @property
    def sound(self) -> BoolArray:
        """Rows with nothing wrong so far."""
        return np.asarray(self.defects == 0)

    @property
    def instruments(self) -> list[int]:
        """The ids of all instruments among the rows, ascending."""
        ids = np.unique(self.bars["instrument"])
        return [int(one) for one in ids if one != _UNKNOWN]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with a batch. rejected: indices into the prepared rows, in the order of the source.
    equal: BARs that are stored already. replaced: the stored BARs in the place of those corrected."""

    new: Rows
    corrected: Rows
    unchanged: int
    rejected: IntArray
    defects: DefectArray
    landed: BoolArray
    equal: Rows
    replaced: Rows

    def with_settled(self, settled: BoolArray) -> "Verdict":
        """With those of the rejected rows unchanged that somebody replayed or dismissed before."""
        unchanged = self.unchanged + int(settled.sum())
        return replace(self, unchanged=unchanged, rejected=self.rejected[~settled])


def prepare(
    batch: RowBatch,
    interval: Interval,
    listed: Mapping[str, Listed],
    exchanges: Mapping[str, Exchange],
    now: datetime,
) -> Prepared:
    """Sort the batch and look at each row alone, on the calendar of its exchange."""
    known = [listed[symbol] for symbol in batch.symbols]
    ids = np.array([*(one.id for one in known), _UNKNOWN], np.int64)
    bars = _as_bars(batch, ids)
    defects = batch.defects | inspect_values(*(bars[name] for name in PRICE_COLUMNS))
    for mic in {one.exchange for one in known}:
        at_exchange = np.array([*(one.exchange == mic for one in known), False])[batch.symbol]
        if batch.instants is not None:
            _to_sessions(bars, at_exchange & batch.instants, exchanges[mic].timezone)
        _place(bars, defects, at_exchange, interval, exchanges[mic], now, naive=batch.naive)
    defects = _unparsable_alone(defects)
    order = np.lexsort((batch.number, bars["t"], bars["instrument"]))
    return Prepared(bars[order], batch.number[order], order.astype(np.int64), defects[order], batch)


def accept(prepared: Prepared, accepted: Defect) -> Prepared:
    """The rows with what a person says is true of them; a halted one has its close for all prices.

    Prices of 0 or less still have to be in order.
    """
    bars, defects = prepared.bars.copy(), prepared.defects & ~np.uint16(accepted)
    halted = prepared.defects & np.uint16(accepted & Defect.HALTED) != 0
    for name in ("open", "high", "low"):
        bars[name][halted] = bars["close"][halted]
    odd = prepared.defects & np.uint16(accepted & Defect.NOT_POSITIVE) != 0
    prices = np.stack([bars[name] for name in ("open", "high", "low", "close")])
    disordered = (bars["high"] < prices.max(axis=0)) | (bars["low"] > prices.min(axis=0))
    defects[odd & disordered] |= np.uint16(Defect.OHLC_ORDER)
    return replace(prepared, bars=bars, defects=defects)


def judge(
    prepared: Prepared,
    interval: Interval,
    *,
    stored: Rows,
    doubted: Rows,
    following: Rows,
    splits: Rows,
    seen: "SeenKeys | None" = None,
    accept_jumps: bool = False,
    may_correct: BoolArray | None = None,
) -> Verdict:
    """Which rows land, and what is wrong with the others.

    stored: the stored bars in the span of each instrument's rows, and BESIDE beside it. doubted: bars in the
    quarantine for a jump. following: the next rows of the source. splits: of all these instruments.
    seen: what landed of this source before. may_correct: (n,) whether a row may overwrite another stored bar.
    """
    bars, key, defects = prepared.bars, _keys(prepared.bars), prepared.defects.copy()
    if not prepared.batch.has_volume:
        bars = _with_stored_volumes(bars, key, stored)
    is_stored, is_equal = _compare(bars, key, stored)
    if may_correct is not None:
        defects[prepared.sound & is_stored & ~is_equal & ~may_correct] |= np.uint16(Defect.DUPLICATE)
    repeated = find_duplicates(key, defects == 0)
    if seen is not None:
        repeated |= (defects == 0) & seen.contains(bars, interval)
    defects[repeated] |= np.uint16(Defect.DUPLICATE)
    if not accept_jumps:
        judged = (defects == 0) & ~is_equal
        jumps = _jumps(
            bars, key, defects == 0, judged, (stored, following, doubted), splits, LIMITS[interval]
        )
        defects[jumps] |= np.uint16(Defect.JUMP)
    sound, rejected = defects == 0, np.flatnonzero(defects)
    return Verdict(
        new=bars[sound & ~is_stored],
        corrected=bars[sound & is_stored & ~is_equal],
        unchanged=int((sound & is_equal).sum()),
        rejected=rejected[np.argsort(prepared.number[rejected])],
        defects=defects,
        landed=sound,
        equal=bars[sound & is_equal],
        replaced=_of_keys(stored, key[sound & is_stored & ~is_equal]),
    )


def spans(prepared: Prepared, interval: Interval, *, wider: bool = False) -> Rows:
    """The spans of time in which the sound rows lie, as RANGE; cut where an instrument has a gap.

    wider: reaching out to where a bar can be a neighbour.
    """
    bars, gap = prepared.bars[prepared.sound], LIMITS[interval].gap_s
    cut = np.ones(len(bars), np.bool_)
    cut[1:] = (np.diff(bars["instrument"]) != 0) | (np.diff(bars["t"]) > 4 * gap)
    first = np.flatnonzero(cut)
    last = np.append(first[1:], len(bars))[: len(first)] - 1
    found = np.empty(len(first), RANGE)
    found["instrument"] = bars["instrument"][first]
    found["first"] = bars["t"][first] - gap * wider
    found["last"] = bars["t"][last] + gap * wider
    return found


def following_rows(prepared: Prepared, following: Prepared | None) -> Rows:
    """Of each instrument of this batch, the first sound rows of the next batch that come after it in time."""
    if following is None or not len(prepared.bars):
        return np.empty(0, BAR)
    key, later = _keys(prepared.bars[prepared.sound]), following.bars[following.sound]
    later_key = _keys(later)
    last = np.flatnonzero(np.diff(key // _KEY_SPAN, append=_UNKNOWN))
    start = np.searchsorted(later_key, key[last], side="right")
    take = (start[:, None] + np.arange(BESIDE)).ravel()
    take = np.unique(take[take < len(later)])
    wanted: Rows = later[take[np.isin(later["instrument"][take], prepared.bars["instrument"])]]
    return wanted


@dataclass
class SeenKeys:
    """Which bars of a source have landed: one bit a day or minute, in chunks."""

    _chunks: dict[tuple[int, int], NDArray[np.uint8]] = field(default_factory=dict)

    def contains(self, bars: Rows, interval: Interval) -> BoolArray:
        """Whether each of these BARs, ascending, was added before."""
        found = np.zeros(len(bars), np.bool_)
        for chunk, rows, bits in _in_chunks(bars, interval):
            packed = self._chunks.get(chunk)
            if packed is not None:
                found[rows] = np.unpackbits(packed)[bits]
        return found

    def add(self, bars: Rows, interval: Interval) -> None:
        """Remember these BARs, ascending."""
        for chunk, _, bits in _in_chunks(bars, interval):
            packed = self._chunks.get(chunk)
            unpacked = np.zeros(_CHUNK, np.uint8) if packed is None else np.unpackbits(packed)
            unpacked[bits] = 1
            self._chunks[chunk] = np.packbits(unpacked)


def _in_chunks(bars: Rows, interval: Interval) -> list[tuple[tuple[int, int], slice, IntArray]]:
    unit = bars["t"] // (DAY_S if interval is Interval.D1 else 60)
    chunk = unit // _CHUNK
    cut = np.flatnonzero(
        (np.diff(bars["instrument"], prepend=_UNKNOWN - 1) != 0) | (np.diff(chunk, prepend=0) != 0)
    )
    ends = np.append(cut[1:], len(bars))
    return [
        ((int(bars["instrument"][a]), int(chunk[a])), slice(int(a), int(b)), unit[a:b] % _CHUNK)
        for a, b in zip(cut, ends, strict=False)
    ]


def _as_bars(batch: RowBatch, ids: IntArray) -> Rows:
    bars = np.empty(len(batch), BAR)
    bars["instrument"] = ids[batch.symbol]
    for name in ("t", *PRICE_COLUMNS):
        bars[name] = getattr(batch.bars, name)
    return bars


def _place(
    bars: Rows,
    defects: DefectArray,
    rows: BoolArray,
    interval: Interval,
    exchange: Exchange,
    now: datetime,
    *,
    naive: bool,
) -> None:
    """Put the rows of one exchange on its clock and calendar; changes times and defects."""
    calendar, t = load_calendar(exchange.calendar, exchange.changes), bars["t"][rows]
    if interval is Interval.D1:
        today = now.astimezone(ZoneInfo(exchange.timezone)).date()
        latest = int(datetime(today.year, today.month, today.day, tzinfo=UTC).timestamp())
        defects[rows] |= inspect_sessions(t, calendar.sessions, latest)
        return
    if naive:
        t = np.where(t == NO_TIME, NO_TIME, to_utc(t, exchange.timezone))
        bars["t"][rows] = t
    found = inspect_minutes(t, calendar.opens, calendar.closes, int(now.timestamp()))
    if exchange.extended_opens is not None and exchange.extended_closes is not None:
        hours = calendar.extended(exchange.timezone, exchange.extended_opens, exchange.extended_closes)
        found[np.logical_or(*hours.around(t))] &= ~np.uint16(Defect.OUTSIDE_SESSION)
    defects[rows] |= found


def _to_sessions(bars: Rows, rows: BoolArray, timezone: str) -> None:
    """Turn instants into the dates that they fall on by a zone's clock."""
    t = bars["t"][rows]
    local = t + to_wall_clock(t, timezone)
    bars["t"][rows] = local - local % DAY_S


def to_utc(wall_clock: IntArray, timezone: str) -> IntArray:
    """Wall clock times of a zone, as if they were epoch seconds, to epoch seconds UTC.

    A time that comes twice, at the end of summer time, is the first; one that is skipped moves on.
    """
    zone = ZoneInfo(timezone)
    hour, place = np.unique(wall_clock // 3600, return_inverse=True)
    starts = (datetime.fromtimestamp(one * 3600, UTC).replace(tzinfo=zone) for one in hour.tolist())
    offset = np.array([int((one.utcoffset() or _NO_TIME).total_seconds()) for one in starts], np.int64)
    return np.asarray(wall_clock - offset[place])


def _unparsable_alone(defects: DefectArray) -> DefectArray:
    """A row that cannot be read is only that: what else seems wrong with it comes from the missing cells."""
    unreadable = defects & np.uint16(Defect.UNPARSABLE) != 0
    return np.where(unreadable, np.uint16(Defect.UNPARSABLE), defects)


def _keys(bars: Rows) -> IntArray:
    """Instrument and time in one number, ascending as they are."""
    return np.asarray(bars["instrument"] * _KEY_SPAN + bars["t"] + _KEY_SPAN // 2)


def _compare(bars: Rows, key: IntArray, stored: Rows) -> tuple[BoolArray, BoolArray]:
    """Whether each bar is stored, and with the same values."""
    if not len(stored):
        nothing = np.zeros(len(bars), np.bool_)
        return nothing, nothing
    stored_key = _keys(stored)
    place = np.searchsorted(stored_key, key).clip(max=len(stored) - 1)
    is_stored = stored_key[place] == key
    is_equal = is_stored.copy()
    for name in PRICE_COLUMNS:
        is_equal &= stored[name][place] == bars[name]
    return is_stored, is_equal


def _of_keys(stored: Rows, key: IntArray) -> Rows:
    """The stored bars with these keys, all of which are there."""
    return stored[np.searchsorted(_keys(stored), key)] if len(key) else stored[:0]


def _with_stored_volumes(bars: Rows, key: IntArray, stored: Rows) -> Rows:
    """The bars of a source without volumes, which says nothing of those that are stored."""
    is_stored = np.isin(key, _keys(stored))
    found = bars.copy()
    found["volume"][is_stored] = stored["volume"][np.searchsorted(_keys(stored), key[is_stored])]
    return found


def _jumps(
    bars: Rows,
    key: IntArray,
    sound: BoolArray,
    judged: BoolArray,
    context: tuple[Rows, ...],
    splits: Rows,
    limits: Limits,
) -> BoolArray:
    """Which of the judged rows jump among the sound ones and the context; of equal keys the first counts."""
    if not judged.any():
        return judged
    everything = np.concatenate([bars[sound], *context])
    sorted_key, first = np.unique(np.concatenate([key[sound], *map(_keys, context)]), return_index=True)
    series = everything[first]
    high, low, close = _split_adjusted(series, splits)
    found = find_jumps(
        series["instrument"], series["t"], high, low, close, ratio=limits.ratio, gap_s=limits.gap_s
    )
    place = np.searchsorted(sorted_key, key).clip(max=len(series) - 1)
    return np.asarray(judged & found[place])


def _split_adjusted(bars: Rows, splits: Rows) -> tuple[FloatArray, FloatArray, FloatArray]:
    factor = np.ones(len(bars))
    for instrument in np.unique(splits["instrument"]):
        first, last = np.searchsorted(bars["instrument"], [instrument, instrument + 1])
        own = splits[splits["instrument"] == instrument]
        factor[first:last] = later_split_factor(bars["t"][first:last], own["t"], own["ratio"])
    return bars["high"] / factor, bars["low"] / factor, bars["close"] / factor


_NO_TIME = timedelta(0)
