"""Which bars of a series are asked for, in times as people and programs write them."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import numpy as np

from stock_analysis.domain.bars import IntArray
from stock_analysis.domain.errors import InvalidInputError

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_EPOCH = re.compile(r"-?\d{1,11}")
_EARLIEST, _LATEST = -62_135_596_800, 253_402_300_799  # years 1 to 9999


@dataclass(frozen=True, slots=True)
class Window:
    """Both ends included, the newest `limit` of them.

    start, end: an ISO date or an ISO date and time, without a zone on the exchange's clock; or epoch seconds,
    compared with the bars' starts as they are. Of bars of a session and longer, a time means its session's
    date.
    """

    start: str | None
    end: str | None
    limit: int

    def check(self) -> None:
        """Raises InvalidInputError if an end is no time."""
        for text, parameter in ((self.start, "from"), (self.end, "to")):
            if text is not None:
                _instant(text, "UTC", parameter, sessions=False)

    def check_order(self, timezone: str, *, sessions: bool) -> None:
        """Raises InvalidInputError if the window ends before it begins; timezone: the exchange's."""
        if self.start is None or self.end is None:
            return
        if self._first(timezone, sessions=sessions) > self._last(timezone, sessions=sessions):
            raise InvalidInputError(
                f"from={self.start} lies after to={self.end}: there is nothing between them;"
                f" times without a zone are those of {timezone}"
            )

    def select(self, t: IntArray, timezone: str, *, sessions: bool) -> slice:
        """The rows of the window. timezone: the exchange's; sessions: whether t are dates of sessions."""
        first = 0 if self.start is None else int(np.searchsorted(t, self._first(timezone, sessions=sessions)))
        last = len(t)
        if self.end is not None:
            last = int(np.searchsorted(t, self._last(timezone, sessions=sessions), side="right"))
        return slice(max(first, last - self.limit, 0), max(first, last))

    def _first(self, timezone: str, *, sessions: bool) -> int:
        return _instant(self.start or "", timezone, "from", sessions=sessions)

    def _last(self, timezone: str, *, sessions: bool) -> int:
        return _instant(self.end or "", timezone, "to", sessions=sessions, end=True)


def _instant(text: str, timezone: str, parameter: str, *, sessions: bool, end: bool = False) -> int:
    """Epoch seconds of a time; of a date its first second, its last one if `end`."""
    if _EPOCH.fullmatch(text):
        return min(max(int(text), _EARLIEST), _LATEST)
    zone = ZoneInfo(timezone)
    try:
        if _DATE.fullmatch(text):
            return _of_date(date.fromisoformat(text), UTC if sessions else zone, end=end)
        moment = datetime.fromisoformat(text)
        if sessions:
            return _of_date((moment.astimezone(zone) if moment.tzinfo else moment).date(), UTC, end=end)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp())
    except OverflowError:
        return _EARLIEST if text.startswith(("0", "-")) else _LATEST
    except ValueError:
        raise InvalidInputError(
            f"{parameter}={text[:40]!r} is no time; write 2024-03-01, 2024-03-01T14:30 (on the exchange's"
            " clock), 2024-03-01T14:30:00Z or epoch seconds"
        ) from None


def _of_date(day: date, zone: tzinfo, *, end: bool) -> int:
    """The first second of a day in a zone, or the last one."""
    if not end:
        return int(datetime.combine(day, time(), zone).timestamp())
    if day == date.max:
        return _LATEST
    return int(datetime.combine(day + timedelta(days=1), time(), zone).timestamp()) - 1
