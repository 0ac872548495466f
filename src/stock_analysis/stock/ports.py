"""What the stock-service needs of the world."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any, Protocol

from stock_analysis.domain.actions import CorporateAction
from stock_analysis.domain.bars import Bars, Interval
from stock_analysis.domain.calendars import Calendar, Changes, load_calendar
from stock_analysis.domain.instruments import Instrument
from stock_analysis.domain.terms import Terms, still_to_apply


@dataclass(frozen=True, slots=True)
class Listing:
    """An instrument as stored. version grows with every change of its data, or of its calendar.

    changed: when version grew last.
    extended: when trading before the sessions begins and after them ends, on the exchange's clock.
    """

    id: int
    instrument: Instrument
    version: int
    changed: datetime
    timezone: str
    calendar: str
    extended: tuple[time, time] | None
    terms: Terms = field(default_factory=Terms)

    @property
    def state(self) -> tuple[int, int, datetime]:
        """The same for the same data only.

        The version alone is not: after a restore it grows once more from where it was at that moment.
        """
        return self.id, self.version, self.changed


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known of one instrument, for lists. first, last: start of its oldest and newest bar."""

    instrument: Instrument
    timezone: str
    rank: int
    first: datetime | None
    last: datetime | None
    bars: dict[str, int]
    quarantined: int


@dataclass(frozen=True, slots=True)
class AcceptedRow:
    """A row that the quality gate doubted, and that landed because a person said that it is true.

    interval: that of the stored bar; t: its start. by: the person's name.
    """

    interval: Interval
    t: int
    reasons: Sequence[str]
    by: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What an answer is made of, as of one version; all prices raw.

    daily: stored daily bars; none for an intraday interval. minutes: all of them for an intraday interval,
    else those that may belong to a session without a daily bar. changes: the users' corrections of the
    calendar. accepted: rows whose bars are stored, by time; only the newest, unless all_accepted.
    """

    listing: Listing
    daily: Bars
    minutes: Bars
    changes: Changes
    actions: Sequence[CorporateAction]
    quarantined: int
    accepted: Sequence[AcceptedRow] = ()
    all_accepted: bool = True

    @property
    def applicable(self) -> Sequence[CorporateAction]:
        """The actions that the stored prices have not gone through yet."""
        return still_to_apply(self.actions, self.listing.terms)

    def calendar(self) -> Calendar:
        """The calendar of the exchange, corrected; the first one of a process takes up to 3 s."""
        return load_calendar(self.listing.calendar, self.changes)


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A row that the quality gate kept aside."""

    id: int
    source: str
    row_number: int
    interval: str
    reasons: list[str]
    row: dict[str, Any]
    state: str
    created_at: datetime


class BarStore(Protocol):
    """Where instruments and their bars are kept."""

    async def listing(self, symbol: str) -> Listing:
        """The instrument. Raises UnknownInstrumentError."""

    async def snapshot(self, symbol: str, interval: Interval) -> Snapshot:
        """All that an answer in this interval is made of, as of one instant; raises like `listing`."""

    async def search(
        self, query: str, exchange: str | None, after: tuple[int, str], limit: int
    ) -> Sequence[Summary]:
        """Instruments that the query may mean, best first, after the (rank, symbol) given."""

    async def quarantine(self, symbol: str, before: int, limit: int) -> tuple[int, Sequence[QuarantinedRow]]:
        """How many rows of this symbol are open, and those with an id below `before`, newest first."""

    async def calendars(self) -> Sequence[str]:
        """Names of the calendars of all instruments."""

    async def facts(self) -> dict[str, Any]:
        """Size and contents of the store, and the last import."""
