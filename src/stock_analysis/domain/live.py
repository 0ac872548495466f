"""What is told of live prices: one symbol's newest bar, or how its source stands."""

from dataclasses import dataclass
from enum import StrEnum

from stock_analysis.domain.bar_builder import BarState
from stock_analysis.domain.session_clock import SessionSpan


class Feed(StrEnum):
    """Where live prices come from: the market as it trades now, or stored bars played again."""

    LIVE = "live"
    REPLAY = "replay"


class FeedState(StrEnum):
    """How the source of a symbol stands."""

    LIVE = "live"
    """Prices come in."""
    SILENT = "silent"
    """The market is open and the source connected, but nothing has come for a while."""
    RECONNECTING = "reconnecting"
    """The source, or the way from it, is away."""
    HALTED = "halted"
    CLOSED = "closed"
    """The market is closed."""
    CLOCK = "clock"
    """The clocks of source and machine disagree; nothing is stored until they agree."""
    ENDED = "ended"
    """The replay is over."""
    NONE = "none"
    """No source is configured for this symbol."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who tells. run: names one replay, "" for a market. speed: of a replay, 0 = as fast as it goes."""

    feed: Feed
    provider: str
    run: str = ""
    speed: float = 1.0
    made_up: bool = False
    """Whether the path inside the bars is made up: of days played as minutes."""


@dataclass(frozen=True, slots=True)
class LiveBar:
    """A bar of a minute and the session it belongs to; None: before or after one.

    as_of_ms: when the newest trade of it happened, epoch milliseconds UTC.
    """

    origin: Origin
    t: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    state: BarState
    session: SessionSpan | None
    as_of_ms: int


@dataclass(frozen=True, slots=True)
class LiveStatus:
    """How the source stands; told every few seconds, so that its silence means something.

    as_of_ms: when the newest trade of the symbol happened; None: none was seen.
    """

    origin: Origin
    state: FeedState
    as_of_ms: int | None
    detail: str = ""


LiveUpdate = LiveBar | LiveStatus
