"""Ticks of one instrument to bars of a minute, on the exchange's clock.

A minute closes `lateness_s` after its end. What arrives until then may arrive in any order: the bar is the
same, because trades are put in the order in which they happened before they are counted. What comes later,
for another `correction_s`, corrects the closed bar; what comes after that is counted and left out.
"""

import math
from collections import Counter, OrderedDict
from dataclasses import dataclass, field, replace
from enum import StrEnum

from stock_analysis.domain.session_clock import MINUTE_S, SessionClock
from stock_analysis.domain.ticks import MICROSECONDS, Amend, Cancel, Halt, Tick, Trade

LATENESS_S = 2.0
CORRECTION_S = 900.0
FUTURE_S = 5.0
_MOST_CANCELS = 10_000


class BarState(StrEnum):
    """How final a bar is. Only a closed or corrected one may enter an indicator as a value."""

    FORMING = "forming"
    CLOSED = "closed"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True)
class BuiltBar:
    """A bar of a minute. t: its start, epoch seconds UTC; trades: how many it was made of."""

    t: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    trades: int
    state: BarState


class Left(StrEnum):
    """Why a tick was left out."""

    UNUSABLE = "unusable"
    """Its price or size is no number of a trade."""
    REPEATED = "repeated"
    OUTSIDE_SESSION = "outside_session"
    HALTED = "halted"
    """It claims to have happened while trading was halted."""
    FUTURE = "future"
    TOO_LATE = "too_late"
    UNKNOWN_TRADE = "unknown_trade"
    """A cancel of a trade that is not known, or no longer."""
    LAST_TRADE = "last_trade"
    """A late cancel that would leave its bar without any price; the stored bar stays as it is."""


@dataclass(slots=True)
class _Minute:
    trades: dict[str, Trade] = field(default_factory=dict)
    closed: BuiltBar | None = None
    is_incomplete: bool = False

    def bar(self, t: int, state: BarState) -> BuiltBar | None:
        """The bar of these trades, whatever order they came in; None without a price."""
        ordered = sorted(self.trades.values(), key=_in_time)
        prices = [one.price for one in ordered if one.makes_price]
        if not prices:
            return None
        volume = math.fsum(one.size for one in ordered)
        return BuiltBar(t, prices[0], max(prices), min(prices), prices[-1], volume, len(ordered), state)


def _in_time(trade: Trade) -> tuple[int, int, str]:
    """Trades of one microsecond follow one another by their ids, numbers by their size."""
    return trade.at_us, len(trade.id), trade.id


class BarBuilder:
    """The minutes of one instrument that are not final yet."""

    def __init__(
        self, clock: SessionClock, *, lateness_s: float = LATENESS_S, correction_s: float = CORRECTION_S
    ) -> None:
        self._clock = clock
        self._lateness_us = round(lateness_s * MICROSECONDS)
        self._correction_us = round(correction_s * MICROSECONDS)
        self._minutes: dict[int, _Minute] = {}
        self._cancelled: OrderedDict[str, int] = OrderedDict()
        """Ids, with the instant from which on a trade of theirs would be too late anyhow."""
        self._halts: list[Halt] = []
        self._interruptions: list[tuple[float, float]] = []
        self._final = -math.inf
        """Minutes that start before this are final."""
        self.left: Counter[Left] = Counter()
        self.incomplete = 0
        """Minutes that were not closed because trades of them were missed."""

    @property
    def halted(self) -> bool:
        """Whether the last that was said of trading is that it stopped."""
        return bool(self._halts) and self._halts[-1].halted

    def add(self, tick: Tick, now_us: int) -> BuiltBar | None:
        """Take in a tick that arrived at this instant (epoch microseconds UTC).

        Returns the corrected bar if it changes one that was closed.
        """
        match tick:
            case Trade():
                return self._add(tick, now_us)
            case Cancel():
                return self._remove(tick.id, now_us)
            case Amend():
                known = (one.trades.get(tick.replaces) for one in self._minutes.values())
                old = next((one for one in known if one is not None), None)
                new = tick.trade if old is None else replace(tick.trade, at_us=old.at_us, auction=old.auction)
                removed = self._remove(tick.replaces, now_us)
                return self._add(new, now_us) or removed
            case Halt():
                self._halts = sorted([*self._halts[-9:], tick], key=lambda one: one.at_us)
                return None

    def interrupt(self, begin_us: float, end_us: float) -> None:
        """Trades between these instants were missed: minutes that they touch are never closed, for their bars
        would be wrong without saying so."""
        self._interruptions = [*self._interruptions[-99:], (begin_us, end_us)]

    def advance(self, now_us: int) -> list[BuiltBar]:
        """The bars that close by this instant, oldest first; call it about once a second."""
        closed = []
        for t in sorted(self._minutes):
            minute = self._minutes[t]
            if minute.closed is None and self._closes_at(t) <= now_us:
                minute.closed = minute.bar(t, BarState.CLOSED)
                minute.is_incomplete = self._is_incomplete(t)
                if minute.is_incomplete:
                    self.incomplete += 1
                elif minute.closed is not None:
                    closed.append(minute.closed)
        self._forget(now_us)
        return closed

    def forming(self) -> BuiltBar | None:
        """The newest bar that is not closed yet."""
        open_ = (t for t, minute in self._minutes.items() if minute.closed is None)
        newest = max(open_, default=None)
        return None if newest is None else self._minutes[newest].bar(newest, BarState.FORMING)

    def _add(self, trade: Trade, now_us: int) -> BuiltBar | None:
        refused, t = self._judge(trade, now_us)
        if refused is not None:
            self.left[refused] += 1
            return None
        minute = self._minutes.setdefault(t, _Minute())
        minute.trades[trade.id] = trade
        return self._changed(t, minute, now_us)

    def _judge(self, trade: Trade, now_us: int) -> tuple[Left | None, int]:
        if not (0 < trade.price < math.inf and 0 <= trade.size < math.inf and trade.id):
            return Left.UNUSABLE, 0
        if trade.at_us > now_us + FUTURE_S * MICROSECONDS:
            return Left.FUTURE, 0
        t = self._clock.minute_of(trade.at_us // MICROSECONDS, trade.auction)
        if t is None:
            return Left.OUTSIDE_SESSION, 0
        if t < self._final or now_us >= self._closes_at(t) + self._correction_us:
            return Left.TOO_LATE, t
        if trade.id in self._cancelled or any(trade.id in one.trades for one in self._minutes.values()):
            return Left.REPEATED, t
        if self._was_halted(trade.at_us):
            return Left.HALTED, t
        return None, t

    def _remove(self, id_: str, now_us: int) -> BuiltBar | None:
        self._cancelled[id_] = now_us + self._lateness_us + self._correction_us + MINUTE_S * MICROSECONDS
        if len(self._cancelled) > _MOST_CANCELS:
            self._cancelled.popitem(last=False)
        for t, minute in self._minutes.items():
            removed = minute.trades.pop(id_, None)
            if removed is None:
                continue
            if minute.closed is not None and minute.bar(t, BarState.CORRECTED) is None:
                minute.trades[id_] = removed
                self.left[Left.LAST_TRADE] += 1
                return None
            return self._changed(t, minute, now_us)
        self.left[Left.UNKNOWN_TRADE] += 1
        return None

    def _changed(self, t: int, minute: _Minute, now_us: int) -> BuiltBar | None:
        """The corrected bar, if the minute was closed before and its bar is another one now."""
        if minute.closed is None and now_us < self._closes_at(t):
            return None
        late = minute.bar(t, BarState.CORRECTED if minute.closed else BarState.CLOSED)
        if late is None or (minute.closed and replace(late, state=minute.closed.state) == minute.closed):
            return None
        minute.is_incomplete |= minute.closed is None and self._is_incomplete(t)
        minute.closed = late
        return None if minute.is_incomplete else late

    def _closes_at(self, t: int) -> int:
        return (t + MINUTE_S) * MICROSECONDS + self._lateness_us

    def _is_incomplete(self, t: int) -> bool:
        first, end = t * MICROSECONDS, (t + MINUTE_S) * MICROSECONDS
        return any(begin < end and first < until for begin, until in self._interruptions)

    def _was_halted(self, at_us: int) -> bool:
        before = [one for one in self._halts if one.at_us <= at_us]
        return bool(before) and before[-1].halted

    def _forget(self, now_us: int) -> None:
        done = [t for t in self._minutes if now_us >= self._closes_at(t) + self._correction_us]
        for t in done:
            del self._minutes[t]
            self._final = max(self._final, t + MINUTE_S)
        while self._cancelled and next(iter(self._cancelled.values())) <= now_us:
            self._cancelled.popitem(last=False)
