"""Bars of any interval out of a snapshot: decided for each session, adjusted, made longer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from stock_analysis.domain.actions import ActionKind, ActionUnit, CorporateAction
from stock_analysis.domain.bars import Adjustment, Bars, Hours, IntArray, Interval
from stock_analysis.domain.calendars import DAY_S, Calendar
from stock_analysis.kernels.adjustment import Distributions, Events, distribution_factors, split_factors
from stock_analysis.kernels.resampling import firsts_of_month, intraday_labels, mondays, resample
from stock_analysis.stock.ports import Snapshot

CodeArray = NDArray[np.int8]


class Source(StrEnum):
    """What a bar was made of: a stored daily bar, minutes, or days of both kinds."""

    DAILY = "1d"
    MINUTES = "1m"
    MIXED = "mixed"


class Phase(StrEnum):
    """When a bar was traded, seen from its session."""

    PRE = "pre"
    REGULAR = "regular"
    POST = "post"


SOURCES, PHASES = tuple(Source), tuple(Phase)
_DAILY, _MINUTES, _MIXED = (np.int8(code) for code in range(3))
_PRE, _REGULAR, _POST = (np.int8(code) for code in range(3))


@dataclass(frozen=True, slots=True)
class Series:
    """Bars, and of each its source (an index into SOURCES) and its phase (into PHASES)."""

    bars: Bars
    source: CodeArray
    phase: CodeArray

    def __len__(self) -> int:
        return len(self.bars)

    def __getitem__(self, rows: slice) -> "Series":
        return Series(self.bars[rows], self.source[rows], self.phase[rows])


def series(
    snapshot: Snapshot, interval: Interval, adjustment: Adjustment, hours: Hours = Hours.REGULAR
) -> Series:
    """All bars of the snapshot in this interval, adjusted."""
    if interval.is_intraday:
        return _intraday(snapshot, interval, adjustment, hours)
    days = _days(snapshot)
    bars = adjust(days.bars, snapshot.applicable, adjustment, UTC)
    if interval is Interval.D1 or not len(bars):
        return _of_sessions(bars, days.source)
    calendar = snapshot.calendar()
    period_start = mondays if interval is Interval.W1 else firsts_of_month
    labels = calendar.first_session_of(period_start(calendar.sessions), bars.t, period_start(bars.t))
    first = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
    least, most = (reduce.reduceat(days.source, first) for reduce in (np.minimum, np.maximum))
    return _of_sessions(Bars(*resample(labels, *bars.columns()[1:])), np.where(least == most, least, _MIXED))


def sessions_of(snapshot: Snapshot, interval: Interval, t: IntArray) -> IntArray:
    """The date of the session, as epoch seconds of 00:00 UTC, that each bar belongs to."""
    if not interval.is_intraday:
        return t
    calendar = snapshot.calendar()
    index = calendar.session_index(t)
    upcoming = np.searchsorted(calendar.opens, t, side="right").clip(max=len(calendar.opens) - 1)
    session = np.where(index >= 0, calendar.sessions[index], calendar.sessions[upcoming])
    _, phase = phases_of(snapshot, calendar, t)
    session = np.where(phase == _POST, calendar.sessions[(upcoming - 1).clip(min=0)], session)
    unknown = (index < 0) & (phase == _REGULAR)
    return np.maximum.accumulate(np.where(unknown, _midnight(t), session))


def periods(snapshot: Snapshot, interval: Interval, t: IntArray, anchor: str, start: int) -> IntArray:
    """What each bar is counted with by an average that begins anew with each session, week, month, year, or
    at one bar; -1 before that bar."""
    if anchor == "bar":
        return np.where(t >= start, np.int64(0), np.int64(-1))
    session = sessions_of(snapshot, interval, t)
    if anchor == "year":
        return session.astype("datetime64[s]").astype("datetime64[Y]").astype(np.int64) + 10_000
    begin = {"week": mondays, "month": firsts_of_month}.get(anchor)
    return (session if begin is None else begin(session)) + 2**40


def adjust(bars: Bars, actions: Sequence[CorporateAction], adjustment: Adjustment, zone: tzinfo) -> Bars:
    """Bars with the actions taken out; zone: that of the ex-dates on the clock of the bars."""
    if adjustment is Adjustment.RAW or not actions or not len(bars):
        return bars
    splits = _splits(actions, zone)
    price = np.ones(len(bars))
    volume = bars.volume
    if adjustment.for_splits:
        factor = split_factors(bars.t, splits)
        price, volume = price * factor, volume / factor
    if adjustment.for_dividends:
        given = _distributions(actions, zone)
        price = price * distribution_factors(bars.t, bars.close, given, splits)
    return Bars(bars.t, bars.open * price, bars.high * price, bars.low * price, bars.close * price, volume)


def runs(codes: CodeArray, names: Sequence[str]) -> list[tuple[str, int]]:
    """Runs of equal codes as (name, how many), in their order."""
    if not len(codes):
        return []
    first = np.flatnonzero(np.diff(codes, prepend=codes[0] - 1))
    lengths = np.diff(first, append=len(codes)).tolist()
    return [(names[codes[row]], length) for row, length in zip(first.tolist(), lengths, strict=True)]


def _days(snapshot: Snapshot) -> Series:
    """Of each session the stored daily bar, else one of its minutes."""
    stored, minutes = snapshot.daily, snapshot.minutes
    if not len(minutes):
        return _of_sessions(stored, np.full(len(stored), _DAILY))
    calendar = snapshot.calendar()
    index, phase = phases_of(snapshot, calendar, minutes.t)
    regular = phase == _REGULAR
    minutes, index = minutes[regular], index[regular]
    session = np.where(index >= 0, calendar.sessions[index], _midnight(minutes.t))
    made = Bars(*resample(np.maximum.accumulate(session), *minutes.columns()[1:]))
    made = made[~np.isin(made.t, stored.t)]
    source = np.concatenate([np.full(len(stored), _DAILY), np.full(len(made), _MINUTES)])
    order = np.argsort(np.concatenate([stored.t, made.t]), kind="stable")
    columns = zip(stored.columns(), made.columns(), strict=True)
    return _of_sessions(Bars(*(np.concatenate(pair)[order] for pair in columns)), source[order])


def _intraday(snapshot: Snapshot, interval: Interval, adjustment: Adjustment, hours: Hours) -> Series:
    zone = ZoneInfo(snapshot.listing.timezone)
    bars = adjust(snapshot.minutes, snapshot.applicable, adjustment, zone)
    if not len(bars) or (interval is Interval.M1 and snapshot.listing.extended is None):
        return Series(bars, np.full(len(bars), _MINUTES), np.full(len(bars), _REGULAR))
    calendar = snapshot.calendar()
    index, phase = phases_of(snapshot, calendar, bars.t)
    if hours is Hours.REGULAR:
        regular = phase == _REGULAR
        bars, index, phase = bars[regular], index[regular], phase[regular]
    if interval is not Interval.M1 and len(bars):
        labels = np.maximum.accumulate(_labels(bars.t, index, phase, calendar, interval.minutes))
        first = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
        bars, phase = Bars(*resample(labels, *bars.columns()[1:])), phase[first]
    return Series(bars, np.full(len(bars), _MINUTES), phase)


def _labels(t: IntArray, index: IntArray, phase: CodeArray, calendar: Calendar, minutes: int) -> IntArray:
    """The starts of longer intraday bars: counted from the session's open, after it from its close."""
    next_open = np.searchsorted(calendar.opens, t, side="right").clip(max=len(calendar.opens) - 1)
    start = np.where(index >= 0, calendar.opens[index], _midnight(t))
    start = np.where(phase == _PRE, calendar.opens[next_open], start)
    start = np.where(phase == _POST, calendar.closes[(next_open - 1).clip(min=0)], start)
    return intraday_labels(t, start, minutes)


def phases_of(snapshot: Snapshot, calendar: Calendar, t: IntArray) -> tuple[IntArray, CodeArray]:
    """The session that each minute falls in (-1 = none), and its phase; what is neither counts as regular."""
    index = calendar.session_index(t)
    phase = np.full(len(t), _REGULAR)
    if snapshot.listing.extended is not None:
        before, after = calendar.extended(snapshot.listing.timezone, *snapshot.listing.extended).around(t)
        phase = np.where(before & (index < 0), _PRE, np.where(after & (index < 0), _POST, phase))
    return index, phase


def _of_sessions(bars: Bars, source: CodeArray) -> Series:
    return Series(bars, source, np.full(len(bars), _REGULAR))


def _midnight(t: IntArray) -> IntArray:
    """Of minutes that the calendar does not reach, or does not know."""
    return t // DAY_S * DAY_S


def _splits(actions: Sequence[CorporateAction], zone: tzinfo) -> Events:
    chosen = [one for one in actions if one.kind is ActionKind.SPLIT]
    return Events(_first_instants(chosen, zone), np.array([one.value for one in chosen], np.float64))


def _distributions(actions: Sequence[CorporateAction], zone: tzinfo) -> Distributions:
    chosen = [one for one in actions if one.kind is not ActionKind.SPLIT]
    rows = np.array([_given(one) for one in chosen], np.float64).reshape(-1, 4)
    return Distributions(_first_instants(chosen, zone), *rows.T)


def _given(action: CorporateAction) -> tuple[float, float, float, float]:
    """Cash, ratio, shares, paid of an action, as Distributions has them."""
    if action.price is not None:
        return 0.0, 1.0, action.value, action.value * action.price
    if action.unit is ActionUnit.RATIO:
        return 0.0, action.value, 0.0, 0.0
    return action.value, 1.0, 0.0, 0.0


def _first_instants(actions: Sequence[CorporateAction], zone: tzinfo) -> IntArray:
    at = [datetime(*action.ex_date.timetuple()[:3], tzinfo=zone).timestamp() for action in actions]
    return np.array(at, np.int64)
