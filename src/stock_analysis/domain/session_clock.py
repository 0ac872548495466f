"""Which minute of which session an instant belongs to, on the exchange's clock."""

from dataclasses import dataclass
from datetime import time

import numpy as np

from stock_analysis.domain.bars import IntArray
from stock_analysis.domain.calendars import Calendar
from stock_analysis.domain.ticks import Auction
from stock_analysis.kernels.resampling import firsts_of_month, mondays

MINUTE_S = 60
OPENING_S = 5 * MINUTE_S
"""How long before the open the result of the opening auction may be reported."""
CLOSING_S = 30 * MINUTE_S
"""How long after the close that of the closing auction may be."""


@dataclass(frozen=True, slots=True)
class SessionSpan:
    """A session: its date (epoch seconds of 00:00 UTC), open and close (epoch seconds UTC), and the dates of
    the first sessions of its week and month, which label those bars."""

    date: int
    opens: int
    closes: int
    week: int
    month: int


class SessionClock:
    """Places instants of one exchange; instants come in rising order mostly, which is fast.

    extended: when trading before the sessions begins and after them ends, on the exchange's clock.
    """

    def __init__(
        self, calendar: Calendar, timezone: str = "UTC", extended: tuple[time, time] | None = None
    ) -> None:
        self._calendar = calendar
        self._extended = calendar.extended(timezone, *extended) if extended else None
        self._weeks = mondays(calendar.sessions)
        self._months = firsts_of_month(calendar.sessions)
        self._here: SessionSpan | None = None

    def minute_of(self, t: int, auction: Auction | None = None) -> int | None:
        """Start of the minute that a trade at this instant (epoch seconds) counts in; None outside all hours.

        The result of an auction counts in the session that it opens or closes: in its first or last minute.
        """
        if self._here and self._here.opens <= t < self._here.closes:
            return t - t % MINUTE_S
        span = self.session_at(t)
        if span:
            self._here = span
            return t - t % MINUTE_S
        index = int(np.searchsorted(self._calendar.opens, t, side="right"))
        if auction is Auction.OPENING and index < len(self._calendar.opens):
            opens = int(self._calendar.opens[index])
            if opens - OPENING_S <= t:
                return opens
        if auction is Auction.CLOSING and index > 0:
            closes = int(self._calendar.closes[index - 1])
            if t < closes + CLOSING_S:
                return closes - MINUTE_S
        if self._extended is None:
            return None
        before, after = self._extended.around(np.array([t], np.int64))
        return t - t % MINUTE_S if before[0] or after[0] else None

    def session_at(self, t: int) -> SessionSpan | None:
        """The session that an instant lies in; None while the market is closed."""
        calendar = self._calendar
        index = int(np.searchsorted(calendar.opens, t, side="right")) - 1
        return self._span(index) if index >= 0 and t < calendar.closes[index] else None

    def session_of(self, date: int) -> SessionSpan | None:
        """The session of a date (epoch seconds of 00:00 UTC); None if it is none."""
        sessions = self._calendar.sessions
        index = int(np.searchsorted(sessions, date))
        return self._span(index) if index < len(sessions) and sessions[index] == date else None

    def _span(self, index: int) -> SessionSpan:
        calendar = self._calendar
        return SessionSpan(
            date=int(calendar.sessions[index]),
            opens=int(calendar.opens[index]),
            closes=int(calendar.closes[index]),
            week=self._first_of(self._weeks, index),
            month=self._first_of(self._months, index),
        )

    def _first_of(self, period: IntArray, index: int) -> int:
        return int(self._calendar.sessions[np.searchsorted(period, period[index], side="left")])
