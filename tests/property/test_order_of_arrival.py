"""Bars of a minute: order of arrival within the allowed lateness does not matter."""

from dataclasses import dataclass
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from stock_analysis.domain.bar_builder import BarBuilder, BarState, BuiltBar
from stock_analysis.domain.calendars import load_calendar
from stock_analysis.domain.session_clock import SessionClock
from stock_analysis.domain.ticks import Cancel, Trade

OPEN = int(datetime(2024, 3, 5, 14, 30, tzinfo=UTC).timestamp())
SECOND = 1_000_000
LATENESS_S = 3
CLOCK = SessionClock(load_calendar("XNYS"), "America/New_York")


@dataclass(frozen=True)
class Arrival:
    """A trade and how late it, and the cancel of it where there is one, arrive."""

    trade: Trade
    late_us: int
    cancel_late_us: int | None


@st.composite
def arrivals(draw: st.DrawFn) -> list[Arrival]:
    made = []
    late = st.integers(0, LATENESS_S * SECOND - 1)
    for number in range(draw(st.integers(1, 25))):
        at_us = OPEN * SECOND + draw(st.integers(0, 240 * SECOND - 1))
        price = draw(st.floats(0.01, 1e6))
        size = draw(st.floats(0, 1e9))
        trade = Trade("TEST", at_us, price, size, str(number), makes_price=draw(st.booleans()))
        made.append(Arrival(trade, draw(late), draw(st.none() | late)))
    return made


def run(found: list[Arrival]) -> list[BuiltBar]:
    """The final bars when all arrives as it says, the builder looking at its clock in between."""
    events: list[tuple[int, Trade | Cancel]] = []
    for one in found:
        events.append((one.trade.at_us + one.late_us, one.trade))
        if one.cancel_late_us is not None:
            events.append((one.trade.at_us + one.cancel_late_us, Cancel("TEST", one.trade.id)))
    events.sort(key=lambda event: event[0])
    builder = BarBuilder(CLOCK, lateness_s=LATENESS_S)
    bars = []
    for now_us, tick in events:
        bars += builder.advance(now_us)
        assert builder.add(tick, now_us) is None, "nothing within the lateness corrects a bar"
    return bars + builder.advance((OPEN + 600) * SECOND)


def expected(found: list[Arrival]) -> list[BuiltBar]:
    """The slow, obvious way: all trades that stay, minute by minute, in the order in which they happened."""
    bars = []
    for t in range(OPEN, OPEN + 240, 60):
        own = [one.trade for one in found if one.cancel_late_us is None]
        own = [one for one in own if t <= one.at_us // SECOND < t + 60]
        own.sort(key=lambda one: (one.at_us, int(one.id)))
        prices = [one.price for one in own if one.makes_price]
        if prices:
            values = (prices[0], max(prices), min(prices), prices[-1], exact_sum([one.size for one in own]))
            bars.append(BuiltBar(t, *values, len(own), BarState.CLOSED))
    return bars


def exact_sum(sizes: list[float]) -> float:
    from fractions import Fraction

    return float(sum(map(Fraction, sizes), Fraction(0)))


@given(arrivals())
def test_the_bars_are_those_of_the_trades_in_the_order_in_which_they_happened(found: list[Arrival]) -> None:
    assert run(found) == expected(found)


@given(arrivals(), st.randoms(use_true_random=False))
def test_order_of_arrival_within_the_lateness_does_not_matter(found: list[Arrival], random: object) -> None:
    assert hasattr(random, "randrange")
    span = LATENESS_S * SECOND
    other = [
        Arrival(
            one.trade,
            random.randrange(span),
            None if one.cancel_late_us is None else random.randrange(span),
        )
        for one in found
    ]
    assert run(found) == run(other)


@given(arrivals(), st.lists(st.integers(0, 24), max_size=10))
def test_repeating_trades_changes_nothing(found: list[Arrival], again: list[int]) -> None:
    repeated = found + [found[one] for one in again if one < len(found)]
    assert run(repeated) == run(found)
