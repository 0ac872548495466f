"""What is known of each symbol's sources of live prices."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from stock_analysis.domain.bar_builder import BarState
from stock_analysis.domain.live import Feed, FeedState, LiveBar, LiveStatus, LiveUpdate, Origin
from stock_analysis.domain.session_clock import MINUTE_S, SessionSpan
from stock_analysis.gateway.live.requests import FeedChoice

UNHEARD_S = 20.0
"""After so long without a word the source, or the way from it, counts as away."""
REAL_FIRST_S = 300.0
"""So long after the market's last price a replay does not take its place for who lets us choose."""
_MOST_MINUTES = 1500

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class StoredBar:
    """A bar of a minute that is stored: closed, or corrected."""

    t: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    state: BarState


@dataclass(slots=True)
class FeedView:
    """One source of one symbol: its state, and what was heard of the minutes of its newest session."""

    origin: Origin
    state: FeedState = FeedState.LIVE
    as_of_ms: int | None = None
    detail: str = ""
    session: SessionSpan | None = None
    minutes: dict[int, LiveBar] = field(default_factory=dict)
    heard_at: float = 0.0
    price_at: float = -1e18

    def take(self, update: LiveUpdate, now: float) -> bool:
        """Take note; returns whether the state is another one now."""
        self.heard_at = now
        before = self.state, self.detail
        if isinstance(update, LiveStatus):
            self.state, self.detail = update.state, update.detail
            self.as_of_ms = max(filter(None, (self.as_of_ms, update.as_of_ms)), default=None)
            return (self.state, self.detail) != before
        self.price_at = now
        self.as_of_ms = max(self.as_of_ms or 0, update.as_of_ms)
        if update.session is not None:
            if self.session is None or update.session.date != self.session.date:
                self.minutes.clear()
                self.session = update.session
            known = self.minutes.get(update.t)
            if known is None or known.state is BarState.FORMING or update.state is not BarState.FORMING:
                self.minutes[update.t] = update
            while len(self.minutes) > _MOST_MINUTES:
                del self.minutes[min(self.minutes)]
        if self.state in (FeedState.SILENT, FeedState.RECONNECTING, FeedState.NONE):
            self.state, self.detail = FeedState.LIVE, ""
        return (self.state, self.detail) != before

    def bars(self) -> list[LiveBar]:
        """The minutes, oldest first; of those before a closed one, only such as closed too."""
        closed = max((t for t, bar in self.minutes.items() if bar.state is not BarState.FORMING), default=-1)
        self.minutes = {
            t: bar
            for t, bar in sorted(self.minutes.items())
            if t > closed or bar.state is not BarState.FORMING
        }
        return list(self.minutes.values())

    def place(self, bars: list[StoredBar]) -> list[LiveBar] | None:
        """Stored minutes as bars of the session; None if one lies before it. Later ones are of no session."""
        if self.session is None or any(bar.t < self.session.opens for bar in bars):
            return None
        found = []
        for one in bars:
            if one.t < self.session.closes:
                as_of_ms = max(self.as_of_ms or 0, (one.t + MINUTE_S) * 1000 - 1)
                values = (one.open, one.high, one.low, one.close, one.volume)
                bar = LiveBar(self.origin, one.t, *values, one.state, self.session, as_of_ms)
                self.minutes[one.t] = bar
                found.append(bar)
        return found

    @property
    def newest_t(self) -> int | None:
        """Start of the newest minute of the session."""
        return max(self.minutes, default=None)


class Feeds:
    """The sources of all symbols."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._views: dict[tuple[str, Feed], FeedView] = {}

    def take(self, symbol: str, update: LiveUpdate) -> tuple[FeedView, bool]:
        """Take note of an update; returns the source, and whether its state is another one now."""
        key = symbol, update.origin.feed
        view = self._views.get(key)
        is_new = view is None or view.origin.run != update.origin.run
        if view is None or is_new:
            view = self._views[key] = FeedView(update.origin)
        view.origin = update.origin
        changed = view.take(update, self._clock())
        return view, changed or is_new

    def choose(self, symbol: str, choice: FeedChoice) -> FeedView | None:
        """The source that a client gets who asks for this one; None where there is none."""
        live = self._views.get((symbol, Feed.LIVE))
        replay = self._views.get((symbol, Feed.REPLAY))
        if replay is not None and replay.state is FeedState.ENDED:
            replay = None
        if choice == "live":
            return live
        if choice == "replay":
            return replay
        if live is not None and self._clock() - live.price_at < REAL_FIRST_S:
            return live
        return replay or live

    def unheard(self) -> list[str]:
        """The symbols whose source has just been missed for too long; a replay has ended then."""
        now, found = self._clock(), []
        for (symbol, feed), view in list(self._views.items()):
            if now - view.heard_at < UNHEARD_S:
                continue
            if feed is Feed.REPLAY:
                del self._views[symbol, feed]
                found.append(symbol)
            elif view.state is not FeedState.RECONNECTING:
                view.state = FeedState.RECONNECTING
                view.detail = f"nothing was heard of {view.origin.provider} for {UNHEARD_S:g} s"
                found.append(symbol)
        return found

    def lose(self, detail: str) -> list[str]:
        """The way from all sources is away; returns their symbols."""
        for view in self._views.values():
            view.state, view.detail = FeedState.RECONNECTING, detail
        return [symbol for symbol, _ in self._views]

    def views(self) -> list[tuple[str, FeedView]]:
        """All of them by symbol."""
        return [(symbol, view) for (symbol, _), view in self._views.items()]
