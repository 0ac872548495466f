"""What goes through an import: rows as read, rows of bars, and what became of them."""

from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass, field
from datetime import UTC, date, datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from stock_analysis.domain.bars import PRICE_COLUMNS, Bars, IntArray, Interval

BAR = np.dtype([("instrument", "<i8"), ("t", "<i8"), *((name, "<f8") for name in PRICE_COLUMNS)])
"""Rows of bars of several instruments: id, t as of Bars, values."""

SPLIT = np.dtype([("instrument", "<i8"), ("t", "<i8"), ("ratio", "<f8")])
"""Splits of several instruments: id, epoch seconds of 00:00 UTC of the ex-date, new shares for one old."""

RANGE = np.dtype([("instrument", "<i8"), ("first", "<i8"), ("last", "<i8")])
"""Spans of time of instruments, both ends inclusive."""

Rows = NDArray[np.void]

Numbers = tuple[float | None, ...]
"""What was read from the PRICE_COLUMNS of one row; None where there is no number."""

NO_NUMBERS: Numbers = (None,) * len(PRICE_COLUMNS)

NO_TIME = -(1 << 35)
"""The time of a row whose time cannot be read; far outside of what is taken for a date."""


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Some rows of a source as columns, before the gate.

    number: (n,) 1-based row numbers, ascending. symbol: (n,) codes into symbols, -1 where none is usable.
    bars: (n,) NaN = nothing there; t as of Bars, but where `naive` is true the exchange's wall clock instead
    of UTC (1-minute bars only). defects: (n,) Defect.UNPARSABLE or 0.
    rows_as_read: the given rows (indices into this batch) as the source had them, for the quarantine.
    has_volume: whether the source has volumes at all; where it has not, they are 0 here.
    instants: (n,) which daily bars have an instant (epoch seconds UTC) in t instead of a date: theirs is the
    session of that day by the exchange's clock. None = none has.
    """

    number: IntArray
    symbol: IntArray
    symbols: list[str]
    bars: Bars
    defects: NDArray[np.uint16]
    rows_as_read: Callable[[IntArray], list[dict[str, object]]]
    naive: bool = False
    has_volume: bool = True
    instants: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.number)


def row_of_bar(symbol: str, interval: Interval, bars: Bars, row: int) -> dict[str, object]:
    """One bar as the quarantine keeps it; JSON knows neither NaN nor infinity."""
    found: dict[str, object] = {"symbol": symbol, time_cell(interval): time_text(interval, int(bars.t[row]))}
    for name in PRICE_COLUMNS:
        value = float(getattr(bars, name)[row])
        found[name] = value if np.isfinite(value) else None if np.isnan(value) else str(value)
    return found


def time_cell(interval: Interval) -> str:
    """The name of the time in a quarantined row."""
    return "session" if interval is Interval.D1 else "ts"


def time_text(interval: Interval, t: int) -> str:
    """The time of a bar in ISO form."""
    moment = datetime.fromtimestamp(t, UTC)
    return moment.date().isoformat() if interval is Interval.D1 else moment.isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Stated:
    """One point of how a source is read. given: by the user; else why tells what the assumption rests on."""

    what: str
    value: str
    given: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A stored instrument. adjusted: what is taken out of its stored prices already, None = nobody said."""

    id: int
    symbol: str
    exchange: str
    currency: str
    adjusted: str | None = None


@dataclass(frozen=True, slots=True)
class AroundSplit:
    """A split among the daily bars of an instrument. before, after: the closes on either side of it.

    adjusted: what is said to be taken out of the stored prices, None = nobody said.
    """

    symbol: str
    adjusted: str | None
    ex_date: date
    ratio: float
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of rows."""

    rows: int = 0
    accepted: int = 0
    unchanged: int = 0
    corrected: int = 0
    quarantined: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class Run:
    """One import as recorded. rows_done rows of the source are safe; `counts.rows` equals it."""

    id: UUID
    source: str
    sha256: bytes
    interval: str
    status: str
    rows_total: int
    rows_done: int
    counts: Counts
    started_at: datetime
    error: str | None = None


@dataclass
class Report:
    """What one import came to: `run` counts all of it, the rest what was done this time."""

    run: Run
    rows_here: int = 0
    seconds: float = 0.0
    reasons: dict[str, int] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    reading: list[Stated] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def landed(self) -> int:
        """How many rows are stored as they are in the source."""
        counts = self.run.counts
        return counts.accepted + counts.unchanged + counts.corrected


@dataclass
class Imported:
    """What a command imported: instruments new or changed, and a report for each file of actions or bars.

    unreadable: why files of a folder could not be read, which the others did not wait for.
    """

    instruments: list[str] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that the gate turned down.

    t: as of Bars, None where unknown. row: as the source had it. values: the numbers read from it.
    """

    row_number: int
    symbol: str | None
    t: int | None
    row: dict[str, object]
    reasons: list[str]
    values: Numbers = NO_NUMBERS


@dataclass(frozen=True, slots=True)
class KeptAside:
    """A row of the quarantine; row: as repaired, else as the source had it. values: the numbers in it."""

    id: int
    source: str
    row_number: int
    symbol: str | None
    interval: str
    row: dict[str, object]
    values: Numbers
    is_repaired: bool
    reasons: list[str]
    state: str
    created_at: datetime
    import_id: UUID


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of the quarantine are meant; all conditions hold together, None = any."""

    ids: tuple[int, ...] | None = None
    symbol: str | None = None
    reason: str | None = None
    state: str | None = "open"
    after_id: int = 0
    limit: int = 1000


def count_reasons(counted: dict[str, int], reasons: Iterable[str]) -> None:
    """Add these reasons to the count of each."""
    for reason in reasons:
        counted[reason] = counted.get(reason, 0) + 1
