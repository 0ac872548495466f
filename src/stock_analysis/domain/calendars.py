"""Sessions of exchanges: when a market was open, in arrays."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from stock_analysis.domain.bars import BoolArray, IntArray
from stock_analysis.domain.errors import InvalidInputError

DAY_S = 86_400
FIRST_DATE = "1990-01-01"
CURRENCY_WEEK = "FX"
"""Monday's session begins on Sunday at 17:00 in New York, Friday's ends at 17:00."""

_WEEKDAYS = re.compile(r"weekdays (?P<opens>\d\d:\d\d)-(?P<closes>\d\d:\d\d) (?P<zone>[A-Za-z0-9_+/-]+)")


@dataclass(frozen=True, slots=True, eq=False)
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

    def last_closed(self, now: float) -> int | None:
        """Date of the newest session that has ended by then (epoch seconds); None before the first has."""
        ended = int(np.searchsorted(self.closes, now, side="right"))
        return int(self.sessions[ended - 1]) if ended else None

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

    def between(self, dates: IntArray, first: int, last: int) -> tuple[IntArray, IntArray]:
        """The spans of time, [start, end), in which nothing belongs to these dates.

        dates: (n,) ascending, 00:00 UTC. first, last: what is asked about. A span may reach into the date
        beside it.
        """
        edges = np.concatenate(
            [[min(first, dates[0]) - 2 * DAY_S], dates, [max(last, dates[-1]) + 2 * DAY_S]]
        )
        start, end = edges[:-1] + DAY_S, edges[1:].copy()
        a = np.searchsorted(self.sessions, edges[:-1], side="right")
        b = np.searchsorted(self.sessions, edges[1:], side="left")
        held = np.flatnonzero(b > a)
        start[held] = np.minimum(start[held], self.opens[a[held]])
        end[held] = np.maximum(end[held], self.closes[b[held] - 1])
        wanted = (end > start) & (end > first) & (start <= last)
        return start[wanted], end[wanted]

    def extended(self, timezone: str, opens: time, closes: time) -> "ExtendedHours":
        """When trading before each session begins and after it ends, on the exchange's clock."""
        return _extended(self, timezone, opens, closes)


@dataclass(frozen=True, slots=True)
class ExtendedHours:
    """opens, closes: (n,) int64, epoch seconds; before, and after, each session of the calendar."""

    calendar: Calendar
    opens: IntArray
    closes: IntArray

    def around(self, t: IntArray) -> tuple[BoolArray, BoolArray]:
        """Whether each instant lies before the session that opens next; and after the one closed last."""
        upcoming = np.searchsorted(self.calendar.opens, t, side="right")
        known = upcoming < len(self.opens)
        before = known & (t >= self.opens[upcoming.clip(max=len(self.opens) - 1)])
        past = upcoming - 1
        closed = (past >= 0) & (t >= self.calendar.closes[past.clip(min=0)])
        after = closed & (t < self.closes[past.clip(min=0)]) & ~before
        return before, after


@lru_cache(maxsize=64)
def _extended(calendar: Calendar, timezone: str, opens: time, closes: time) -> ExtendedHours:
    zone = ZoneInfo(timezone)
    days = [datetime.fromtimestamp(one, UTC).date() for one in calendar.sessions.tolist()]
    first, last = (np.array([_epoch(day, at, zone) for day in days], np.int64) for at in (opens, closes))
    return ExtendedHours(calendar, np.minimum(first, calendar.opens), np.maximum(last, calendar.closes))


@dataclass(frozen=True, slots=True)
class SessionChange:
    """What is to be corrected in a calendar on one day.

    session: epoch seconds of 00:00 UTC of the date. opens, closes: epoch seconds UTC; None = no session.
    """

    session: int
    opens: int | None = None
    closes: int | None = None


Changes = tuple[SessionChange, ...]


@lru_cache(maxsize=128)
def load_calendar(name: str, changes: Changes = ()) -> Calendar:
    """The calendar of this name, from 1990 (or where it begins) to about a year ahead, corrected.

    name: of exchange_calendars; FX, the week of currencies; or `weekdays 09:30-16:00 Africa/Lagos`. changes:
    the users' corrections, which stand above those that are shipped.
    Built once in a process, in 0.1-0.5 s; that of XKRX, whose holidays follow the moon, is read from a table.

    Raises InvalidInputError if the name is unknown.
    """
    if changes:
        return _corrected(load_calendar(name), changes)
    form = _WEEKDAYS.fullmatch(name)
    if form:
        hours = (time.fromisoformat(form["opens"]), time.fromisoformat(form["closes"]))
        calendar = _weekdays(name, form["zone"], *hours)
    elif name == CURRENCY_WEEK:
        calendar = _weekdays(name, "America/New_York", time(17), time(17))
    else:
        calendar = (_of_table() if name == "XKRX" else None) or _of_library(name)
    return _corrected(calendar, _shipped(name))


def session_change(day: date, timezone: str, opens: time | None, closes: time | None) -> SessionChange:
    """The correction of one day, its hours on the exchange's clock; a session that opens no earlier than it
    closes begins on the day before. Both None: there is no session."""
    if opens is None or closes is None:
        return SessionChange(_epoch(day, time(0), ZoneInfo("UTC")))
    zone = ZoneInfo(timezone)
    first = day if opens < closes else day - timedelta(days=1)
    return SessionChange(
        _epoch(day, time(0), ZoneInfo("UTC")), _epoch(first, opens, zone), _epoch(day, closes, zone)
    )


_COLLEGE_ENTRANCE = ("2021-11-18", "2022-11-17", "2023-11-16", "2024-11-14", "2025-11-13")
"""The Korea Exchange opens and closes an hour later; exchange_calendars 4.13 knows it up to 2020 only."""


def _shipped(name: str) -> Changes:
    if name != "XKRX":
        return ()
    days = map(date.fromisoformat, _COLLEGE_ENTRANCE)
    return tuple(session_change(day, "Asia/Seoul", time(10), time(16, 30)) for day in days)


def _corrected(calendar: Calendar, changes: Changes) -> Calendar:
    if not changes:
        return calendar
    days = np.array([one.session for one in changes], np.int64)
    kept = ~np.isin(calendar.sessions, days)
    added = [one for one in changes if one.opens is not None and one.closes is not None]
    old = {"session": calendar.sessions, "opens": calendar.opens, "closes": calendar.closes}
    sessions, opens, closes = (
        np.concatenate([column[kept], np.array([getattr(one, name) for one in added], np.int64)])
        for name, column in old.items()
    )
    order = np.argsort(sessions, kind="stable")
    return Calendar(calendar.name, sessions[order], opens[order], closes[order])


def _weekdays(name: str, timezone: str, opens: time, closes: time) -> Calendar:
    """Every Monday to Friday with the same hours, without holidays."""
    last = datetime.now(UTC).date() + timedelta(days=365)
    first = date.fromisoformat(FIRST_DATE)
    days = (first + timedelta(days=n) for n in range((last - first).days))
    rows = [session_change(day, timezone, opens, closes) for day in days if day.weekday() < 5]
    return _corrected(Calendar(name, *(np.empty(0, np.int64) for _ in range(3))), tuple(rows))


KOREA_TABLE = Path(__file__).with_name("xkrx.npz")
KOREA_UNTIL = "2040-12-31"
"""`make generate` writes what the library says of XKRX until then, which takes it 3 s of computing."""


def _of_table() -> Calendar | None:
    """XKRX as far as the library would build it today; None once the table ends before."""
    table = read_korea_table()
    end = (datetime.now(UTC) + timedelta(days=365)).timestamp()
    if end > table.sessions[-1]:
        return None
    known = table.sessions <= end
    return Calendar("XKRX", table.sessions[known], table.opens[known], table.closes[known])


def read_korea_table() -> Calendar:
    """XKRX as the table has it: days since 1970, and seconds from a day's 00:00 UTC to its hours."""
    with np.load(KOREA_TABLE, allow_pickle=False) as table:
        days, opens, closes = (table[name].astype(np.int64) for name in ("days", "opens", "closes"))
    sessions = days * DAY_S
    return Calendar("XKRX", sessions, sessions + opens, sessions + closes)


def write_korea_table(calendar: Calendar) -> None:
    """Write the table that `read_korea_table` reads."""
    sessions = calendar.sessions
    opens, closes = calendar.opens - sessions, calendar.closes - sessions
    np.savez_compressed(
        KOREA_TABLE,
        days=(sessions // DAY_S).astype(np.uint16),
        opens=opens.astype(np.int32),
        closes=closes.astype(np.int32),
    )


def korea_by_library() -> Calendar:
    """XKRX from FIRST_DATE until KOREA_UNTIL, computed."""
    return _of_library("XKRX", end=KOREA_UNTIL)


def _of_library(name: str, end: str | None = None) -> Calendar:
    schedule = _schedule(name, end)
    return Calendar(
        name=name,
        sessions=schedule.index.to_numpy().astype("datetime64[s]").astype(np.int64),
        opens=schedule["open"].dt.tz_localize(None).to_numpy().astype("datetime64[s]").astype(np.int64),
        closes=schedule["close"].dt.tz_localize(None).to_numpy().astype("datetime64[s]").astype(np.int64),
    )


def _schedule(name: str, end: str | None) -> Any:
    import exchange_calendars

    if name not in exchange_calendars.get_calendar_names(include_aliases=True):
        near = get_close_matches(
            name.upper(), exchange_calendars.get_calendar_names(include_aliases=True), 3, 0.5
        )
        hint = f"; do you mean {', '.join(near)}?" if near else ""
        raise InvalidInputError(f"no calendar is named {name[:40]!r}{hint}")
    try:
        return exchange_calendars.get_calendar(name, start=FIRST_DATE, end=end).schedule
    except ValueError:  # this one begins later, and tells only once it is built
        first = type(exchange_calendars.get_calendar(name)).bound_min()
        return exchange_calendars.get_calendar(name, start=first, end=end).schedule


def _epoch(day: date, at: time, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, at, zone).timestamp())
