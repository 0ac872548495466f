"""Bars that stand because a person said that they are true."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stock_analysis.domain.bars import Hours, IntArray, Interval
from stock_analysis.stock.ports import AcceptedRow, Snapshot
from stock_analysis.stock.series import PHASES, Phase, phases_of, sessions_of


@dataclass(frozen=True, slots=True)
class AcceptedBar:
    """A bar with accepted rows in it: its start, why they were doubted, and who said that they are true."""

    t: int
    reasons: Sequence[str]
    by: Sequence[str]


@dataclass(frozen=True, slots=True)
class Accepted:
    """Accepted bars, oldest first. complete: whether there are no others among the bars asked for."""

    bars: Sequence[AcceptedBar]
    complete: bool


def accepted_bars(
    snapshot: Snapshot, interval: Interval, hours: Hours, t: IntArray, window: slice
) -> Accepted:
    """The accepted bars of a window. t: the starts of all bars of the series; window: rows of it."""
    rows, at = _placed(snapshot, interval, hours)
    index = np.searchsorted(t, at, side="right") - 1
    by_bar: dict[int, list[AcceptedRow]] = {}
    for row, place in sorted(zip(rows, index.tolist(), strict=True), key=lambda pair: pair[1]):
        if window.start <= place < window.stop:
            by_bar.setdefault(int(t[place]), []).append(row)
    bars = [AcceptedBar(start, _reasons(found), _names(found)) for start, found in by_bar.items()]
    complete = snapshot.all_accepted or bool(len(index) and index.min() < window.start)
    return Accepted(bars, complete or window.start >= window.stop)


def _placed(snapshot: Snapshot, interval: Interval, hours: Hours) -> tuple[list[AcceptedRow], IntArray]:
    """The rows that the bars of this interval are made of, and where each lies on their axis."""
    days = [row for row in snapshot.accepted if row.interval is Interval.D1]
    minutes = [row for row in snapshot.accepted if row.interval is Interval.M1]
    at = _times(minutes)
    is_used = np.ones(len(minutes), np.bool_)
    if minutes and snapshot.listing.extended is not None and hours is Hours.REGULAR:
        is_used = phases_of(snapshot, snapshot.calendar(), at)[1] == PHASES.index(Phase.REGULAR)
    if interval.is_intraday:
        days = []
    elif minutes:
        at = sessions_of(snapshot, Interval.M1, at)
        is_used &= ~np.isin(at, snapshot.daily.t)
    used = [row for row, is_one in zip(minutes, is_used.tolist(), strict=True) if is_one]
    return [*days, *used], np.concatenate([_times(days), at[is_used]])


def _times(rows: Sequence[AcceptedRow]) -> IntArray:
    return np.array([row.t for row in rows], np.int64)


def _reasons(rows: Sequence[AcceptedRow]) -> list[str]:
    return list(dict.fromkeys(reason for row in rows for reason in row.reasons))


def _names(rows: Sequence[AcceptedRow]) -> list[str]:
    return list(dict.fromkeys(row.by for row in rows if row.by))
