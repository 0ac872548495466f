"""The way of ticks: builder, gate, rows; what is forming is told on the way."""

import math
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence

import structlog
from prometheus_client import Counter as Metric
from prometheus_client import Gauge

from stock_analysis.domain.bar_builder import LATENESS_S, BarBuilder, BuiltBar, Left
from stock_analysis.domain.bars import Interval
from stock_analysis.domain.errors import UnavailableError
from stock_analysis.domain.live import Feed, FeedState, LiveBar, LiveStatus, LiveUpdate, Origin
from stock_analysis.domain.session_clock import MINUTE_S
from stock_analysis.domain.ticks import MICROSECONDS, Alive, Amend, Gap, Said, Trade
from stock_analysis.ingest.gate import LIMITS
from stock_analysis.ingest.live.ports import BarLanding, LiveInstrument, Publisher

log = structlog.get_logger(__name__)

FORMING_S = 0.05
"""A forming bar is told so often at most."""
STATUS_S = 5.0
AHEAD_S, BEHIND_S = 5.0, 120.0
"""So far in the future, and so late, a tick may be; beyond, the clocks disagree, or the feed is delayed."""
MOST_WAITING = 10_000
"""Closed bars that wait for a store that is away; beyond, the oldest are dropped and counted."""

TICKS = Metric("live_ticks_total", "Ticks that came in.", ["provider"])
LEFT = Metric("live_ticks_left_out_total", "Ticks that make no bar.", ["provider", "why"])
BARS = Metric("live_bars_total", "Bars of a minute that were closed or corrected.", ["provider", "state"])
MISSED = Metric("live_ticks_missed_total", "Trades missed by the provider's own numbers.", ["provider"])
WAITING = Gauge("live_bars_waiting", "Closed bars that wait for the store.", ["provider"])
DROPPED = Metric("live_bars_dropped_total", "Closed bars given up while the store was away.", ["provider"])
SYMBOLS = Gauge("live_symbols", "Symbols of a source in each state.", ["provider", "state"])
AS_OF = Gauge("live_as_of_seconds", "When the newest trade of any symbol happened.", ["provider"])


class Pipeline:
    """Ticks of some instruments of one source.

    silent_s: so long without a trade in mid-session a symbol is silent.
    """

    def __init__(
        self,
        origin: Origin,
        instruments: Mapping[str, LiveInstrument],
        landing: BarLanding,
        publisher: Publisher,
        *,
        lateness_s: float = LATENESS_S,
        silent_s: float = 60.0,
    ) -> None:
        self._origin = origin
        self._instruments = instruments
        self._landing = landing
        self._publisher = publisher
        self._silent_us = round(silent_s * MICROSECONDS)
        self._builders = {
            symbol: BarBuilder(one.clock, lateness_s=lateness_s) for symbol, one in instruments.items()
        }
        self._as_of_us: dict[str, int] = {}
        self._last_close: dict[str, float] = {}
        self._told: dict[str, float] = defaultdict(lambda: -math.inf)
        self._untold: set[str] = set()
        self._states: dict[str, tuple[FeedState, str]] = {}
        self._status_at = -math.inf
        self._waiting: list[tuple[LiveInstrument, BuiltBar]] = []
        self._counted: Counter[tuple[str, Left]] = Counter()
        self._heard_us = -math.inf
        self._connected_us = 0
        self._lags_us: deque[int] = deque(maxlen=20)
        self._skew = ""
        self.link: tuple[FeedState, str] = (FeedState.LIVE, "")
        """How the connection to the source stands."""

    @property
    def as_of_us(self) -> int | None:
        """When the newest trade of any symbol happened."""
        return max(self._as_of_us.values(), default=None)

    @property
    def states(self) -> Mapping[str, tuple[FeedState, str]]:
        """How each symbol stands, as far as it was told."""
        return self._states

    async def take(self, said: Said, now_us: int, real_s: float) -> None:
        """What the source says. now_us: its arrival, epoch microseconds; real_s: a steady clock."""
        self._heard_us = now_us
        if isinstance(said, Alive):
            if said.at_us is not None:
                self._clocks_agree(said.at_us, now_us)
            return
        symbol = said.symbol
        builder = self._builders.get(symbol)
        if builder is None:
            return
        if isinstance(said, Gap):
            MISSED.labels(self._origin.provider).inc(said.missed)
            builder.interrupt(now_us - MINUTE_S * MICROSECONDS, now_us)
            log.warning("trades missed", provider=self._origin.provider, symbol=symbol, missed=said.missed)
            return
        TICKS.labels(self._origin.provider).inc()
        if isinstance(said, Trade) and not self._clocks_agree(said.at_us, now_us):
            LEFT.labels(self._origin.provider, FeedState.CLOCK.value).inc()
            return
        before = builder.left.total()
        corrected = builder.add(said, now_us)
        if builder.left.total() == before and isinstance(said, Trade | Amend):
            at_us = said.at_us if isinstance(said, Trade) else said.trade.at_us
            self._as_of_us[symbol] = max(self._as_of_us.get(symbol, 0), at_us)
        if corrected is not None:
            self._waiting.append((self._instruments[symbol], corrected))
        self._untold.add(symbol)
        if real_s - self._told[symbol] >= FORMING_S:
            await self._tell_forming(real_s)

    async def advance(self, now_us: int, real_s: float) -> None:
        """Close what is over, tell what is not told yet; call it a few times a second."""
        for symbol, builder in self._builders.items():
            for bar in builder.advance(now_us):
                self._waiting.append((self._instruments[symbol], bar))
        await self._land(now_us)
        await self._tell_forming(real_s)
        self._count()
        states = {symbol: self._state(symbol, now_us) for symbol in self._builders}
        if states != self._states or real_s - self._status_at >= STATUS_S:
            await self._tell_status(states, real_s)

    def connected(self, now_us: int) -> None:
        """The source is heard from now on; minutes of which trades may have been missed are not closed."""
        self.link = FeedState.LIVE, ""
        self._connected_us = now_us
        self._interrupt(now_us)

    def lost(self, reason: str) -> None:
        """The source is not heard any more."""
        self.link = FeedState.RECONNECTING, reason

    async def end(self, now_us: int, detail: str) -> None:
        """Close all that is open, and say that nothing more comes."""
        await self.advance(now_us, math.inf)
        states = dict.fromkeys(self._builders, (FeedState.ENDED, detail))
        await self._tell_status(states, math.inf)

    def _interrupt(self, now_us: int) -> None:
        for builder in self._builders.values():
            builder.interrupt(self._heard_us, now_us)

    def _clocks_agree(self, at_us: int, now_us: int) -> bool:
        """Whether this machine's clock and the source's do; of the last ticks the least late one tells."""
        if self._origin.feed is Feed.REPLAY:
            return True
        self._lags_us.append(now_us - at_us)
        lag_s = min(self._lags_us) / MICROSECONDS
        if -AHEAD_S <= lag_s <= BEHIND_S:
            if self._skew:
                self._skew = ""
                self._interrupt(now_us)
            return True
        side = "behind" if lag_s < 0 else "ahead of"
        self._skew = (
            f"this machine's clock is {abs(lag_s):,.0f} s {side} the one of {self._origin.provider}; nothing"
            " is stored until they agree: set the clock (`timedatectl` shows it)"
        )
        self._heard_us = min(self._heard_us, now_us)
        return False

    async def _land(self, now_us: int) -> None:
        if not self._waiting:
            return
        if len(self._waiting) > MOST_WAITING:
            DROPPED.labels(self._origin.provider).inc(len(self._waiting) - MOST_WAITING)
            del self._waiting[: len(self._waiting) - MOST_WAITING]
        bars = _newest_of_each(self._waiting)
        try:
            await self._landing.land(bars, now_us)
        except UnavailableError as error:
            log.warning("live bars wait for the store", bars=len(bars), reason=str(error))
            self._waiting = bars
        else:
            self._waiting = []
            for one, bar in bars:
                self._last_close[one.listed.symbol] = bar.close
                BARS.labels(self._origin.provider, bar.state.value).inc()
        WAITING.labels(self._origin.provider).set(len(self._waiting))

    async def _tell_forming(self, real_s: float) -> None:
        updates: list[tuple[str, LiveUpdate]] = []
        for symbol in list(self._untold):
            if real_s - self._told[symbol] < FORMING_S:
                continue
            self._untold.discard(symbol)
            bar = self._builders[symbol].forming()
            if bar is not None and self._is_credible(symbol, bar):
                updates.append((symbol, self._update(symbol, bar)))
                self._told[symbol] = real_s
        if updates:
            await self._publisher.tell(updates)

    def _is_credible(self, symbol: str, bar: BuiltBar) -> bool:
        """Whether the gate would let the bar pass beside the last one, as far as one can say yet."""
        last, ratio = self._last_close.get(symbol), LIMITS[Interval.M1].ratio
        return last is None or (bar.high <= last * ratio and bar.low * ratio >= last)

    def _update(self, symbol: str, bar: BuiltBar) -> LiveBar:
        return live_bar(self._origin, self._instruments[symbol], bar, self._as_of_us.get(symbol, 0))

    async def _tell_status(self, states: dict[str, tuple[FeedState, str]], real_s: float) -> None:
        self._status_at = real_s
        for symbol, (state, detail) in states.items():
            if self._states.get(symbol, (None, ""))[0] is not state and state in _WARNED:
                log.warning("live source", symbol=symbol, state=state.value, reason=detail)
        self._states = states
        counts = Counter(state for state, _ in states.values())
        for state in FeedState:
            SYMBOLS.labels(self._origin.provider, state.value).set(counts[state])
        if self._as_of_us:
            AS_OF.labels(self._origin.provider).set(max(self._as_of_us.values()) / MICROSECONDS)
        await self._publisher.tell(
            [(symbol, self._status(symbol, *state)) for symbol, state in states.items()]
        )

    def _status(self, symbol: str, state: FeedState, detail: str) -> LiveStatus:
        as_of_us = self._as_of_us.get(symbol)
        return LiveStatus(self._origin, state, None if as_of_us is None else as_of_us // 1000, detail)

    def _state(self, symbol: str, now_us: int) -> tuple[FeedState, str]:
        if self.link[0] is not FeedState.LIVE:
            return self.link
        if self._origin.feed is Feed.REPLAY:
            return FeedState.LIVE, ""
        if self._skew:
            return FeedState.CLOCK, self._skew
        if self._builders[symbol].halted:
            return FeedState.HALTED, "trading is halted"
        session = self._instruments[symbol].clock.session_at(now_us // MICROSECONDS)
        if session is None:
            return FeedState.CLOSED, "the market is closed"
        since_us = max(self._as_of_us.get(symbol, 0), session.opens * MICROSECONDS, self._connected_us)
        if now_us - since_us > self._silent_us:
            return FeedState.SILENT, f"no trade for {round((now_us - since_us) / MICROSECONDS / 60)} min"
        return FeedState.LIVE, ""

    def _count(self) -> None:
        for symbol, builder in self._builders.items():
            for why, count in builder.left.items():
                new = count - self._counted[symbol, why]
                if new:
                    LEFT.labels(self._origin.provider, why.value).inc(new)
                    self._counted[symbol, why] = count


_WARNED = frozenset({FeedState.SILENT, FeedState.RECONNECTING, FeedState.CLOCK})


def live_bar(origin: Origin, instrument: LiveInstrument, bar: BuiltBar, as_of_us: int) -> LiveBar:
    """A built bar as it is told, with its session."""
    session = instrument.clock.session_at(bar.t)
    as_of_ms = as_of_us // 1000 or (bar.t + MINUTE_S) * 1000
    return LiveBar(
        origin, bar.t, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.state, session, as_of_ms
    )


def _newest_of_each(
    bars: Sequence[tuple[LiveInstrument, BuiltBar]],
) -> list[tuple[LiveInstrument, BuiltBar]]:
    """One bar of each minute, the newest, in the order of time; closed if it was never landed as such."""
    found: dict[tuple[str, int], tuple[LiveInstrument, BuiltBar]] = {}
    for one, bar in bars:
        found[one.listed.symbol, bar.t] = (one, bar)
    return sorted(found.values(), key=lambda pair: (pair[1].t, pair[0].listed.symbol))
