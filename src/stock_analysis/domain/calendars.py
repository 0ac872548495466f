"""Sessions of exchanges: when a market was open, in arrays."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from stock_analysis.domain.bars import BoolArray, IntArray

DAY_S = 86_400
FIRST_DATE = "1990-01-01"


@dataclass(frozen=True, slots=True)
class Calendar:
    """The sessions of one exchange, oldest first.

    sessions: (n,) int64, epoch seconds of 00:00 UTC of each session's date.
    opens, closes: (n,) int64, epoch seconds UTC; a bar of a session starts in [open, close).
    """

    name: str
    sessions: IntArray
    opens: IntArray
    closes: IntArray

    def is_session(self, t: IntArray) -> BoolArray:
        """Whether each date (epoch seconds, 00:00 UTC) is a session."""
        index = np.searchsorted(self.sessions, t).clip(max=len(self.sessions) - 1)
        return np.asarray(self.sessions[index] == t)

    def session_index(self, t: IntArray) -> IntArray:
        """Index of the session that each instant falls in, -1 where the market was closed."""
        index = np.searchsorted(self.opens, t, side="right") - 1
        inside = (index >= 0) & (t < self.closes[index.clip(min=0)])
        return np.where(inside, index, -1)

    def first_session_of(self, period: IntArray, t: IntArray, start: IntArray) -> IntArray:
        """The first scheduled session of the period that each date lies in.

        period: (n,) the period number of every session of this calendar, ascending.
        t: (m,) dates as epoch seconds. start: (m,) the first day of each date's period, taken where
        the calendar does not reach.
        """
        row = np.searchsorted(self.sessions, t, side="right") - 1
        first = np.searchsorted(period, period[row.clip(min=0)], side="left")
        known = (t >= self.sessions[0]) & (t <= self.sessions[-1])
        return np.where(known, self.sessions[first], start)


@lru_cache(maxsize=32)
def load_calendar(name: str) -> Calendar:
    """The calendar of this name, from 1990 (or where it begins) to about a year ahead.

    Built once in a process: 0.1-0.5 s, XKRX 3 s, for its holidays follow the moon.

    Raises exchange_calendars.errors.InvalidCalendarName if the name is unknown.
    """
    schedule = _schedule(name)
    return Calendar(
        name=name,
        sessions=schedule.index.to_numpy().astype("datetime64[s]").astype(np.int64),
        opens=schedule["open"].dt.tz_localize(None).to_numpy().astype("datetime64[s]").astype(np.int64),
        closes=schedule["close"].dt.tz_localize(None).to_numpy().astype("datetime64[s]").astype(np.int64),
    )


def _schedule(name: str) -> Any:
    import exchange_calendars

    try:
        return exchange_calendars.get_calendar(name, start=FIRST_DATE).schedule
    except ValueError:  # this one begins later, and tells only once it is built
        first = type(exchange_calendars.get_calendar(name)).bound_min()
        return exchange_calendars.get_calendar(name, start=first).schedule
