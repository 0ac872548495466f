"""Ticks to bars of a minute: auctions, late ticks, cancels, corrections, halts, sessions."""

from datetime import UTC, datetime, time

import pytest

from stock_analysis.domain.bar_builder import CORRECTION_S, BarBuilder, BarState, BuiltBar, Left
from stock_analysis.domain.calendars import load_calendar
from stock_analysis.domain.session_clock import SessionClock
from stock_analysis.domain.ticks import Amend, Auction, Cancel, Halt, Trade

OPEN = int(datetime(2024, 3, 5, 14, 30, tzinfo=UTC).timestamp())
"""09:30 in New York, winter time."""
CLOSE = OPEN + 6 * 3600 + 1800
SECOND = 1_000_000


def builder(*, extended: tuple[time, time] | None = None, lateness_s: float = 2.0) -> BarBuilder:
    return BarBuilder(
        SessionClock(load_calendar("XNYS"), "America/New_York", extended), lateness_s=lateness_s
    )


def trade(
    second: float,
    price: float,
    size: float = 100,
    id_: str = "",
    *,
    auction: Auction | None = None,
    makes_price: bool = True,
) -> Trade:
    """A trade so many seconds after the open."""
    at_us = round((OPEN + second) * SECOND)
    return Trade("TEST", at_us, price, size, id_ or f"{at_us}", auction, makes_price)


def at(second: float) -> int:
    return round((OPEN + second) * SECOND)


def feed(target: BarBuilder, *trades: Trade) -> None:
    for one in trades:
        assert target.add(one, one.at_us) is None


def test_a_minute_closes_a_little_after_its_end_and_not_before() -> None:
    made = builder()
    feed(made, trade(1, 10), trade(20, 12), trade(30, 9, 50), trade(59.9, 11))
    assert made.advance(at(61.9)) == []
    assert made.forming() == BuiltBar(OPEN, 10, 12, 9, 11, 350, 4, BarState.FORMING)
    assert made.advance(at(62)) == [BuiltBar(OPEN, 10, 12, 9, 11, 350, 4, BarState.CLOSED)]
    assert made.forming() is None
    assert made.advance(at(63)) == []


def test_a_minute_without_a_trade_makes_no_bar() -> None:
    made = builder()
    feed(made, trade(1, 10), trade(185, 11))
    assert [bar.t - OPEN for bar in made.advance(at(400))] == [0, 180]


def test_a_late_trade_corrects_the_closed_bar_and_one_too_late_is_counted() -> None:
    made = builder()
    feed(made, trade(1, 10))
    made.advance(at(62))
    assert made.add(trade(30, 14), at(100)) == BuiltBar(OPEN, 10, 14, 10, 14, 200, 2, BarState.CORRECTED)
    assert made.add(trade(31, 20), at(63 + CORRECTION_S)) is None
    assert made.left == {Left.TOO_LATE: 1}


def test_a_trade_is_too_late_also_for_a_minute_that_was_forgotten() -> None:
    made = builder()
    feed(made, trade(1, 10))
    made.advance(at(62))
    made.advance(at(5000))
    assert made.add(trade(2, 10), at(5000)) is None
    assert made.left == {Left.TOO_LATE: 1}


def test_the_first_trade_of_a_minute_that_is_over_makes_a_closed_bar() -> None:
    made = builder()
    late = made.add(trade(30, 14), at(100))
    assert late is not None
    assert late.state is BarState.CLOSED
    assert made.advance(at(101)) == []


def test_a_repeated_trade_counts_once() -> None:
    made = builder()
    feed(made, trade(1, 10, id_="7"))
    made.advance(at(62))
    assert made.add(trade(1, 10, id_="7"), at(63)) is None
    assert made.left == {Left.REPEATED: 1}


def test_a_cancelled_trade_leaves_an_open_minute_without_a_trace() -> None:
    made = builder()
    feed(made, trade(1, 10), trade(2, 99, id_="bust"))
    assert made.add(Cancel("TEST", "bust"), at(3)) is None
    forming = made.forming()
    assert forming is not None
    assert (forming.high, forming.volume) == (10, 100)


def test_a_cancel_may_come_before_its_trade() -> None:
    made = builder()
    made.add(Cancel("TEST", "bust"), at(1))
    made.add(trade(2, 99, id_="bust"), at(2))
    assert made.forming() is None


def test_a_cancel_corrects_a_closed_bar() -> None:
    made = builder()
    feed(made, trade(1, 10), trade(2, 99, id_="bust"))
    made.advance(at(62))
    corrected = made.add(Cancel("TEST", "bust"), at(70))
    assert corrected == BuiltBar(OPEN, 10, 10, 10, 10, 100, 1, BarState.CORRECTED)


def test_a_closed_bar_keeps_its_last_trade_when_that_is_cancelled() -> None:
    made = builder()
    feed(made, trade(1, 10, id_="only"))
    made.advance(at(62))
    assert made.add(Cancel("TEST", "only"), at(70)) is None
    assert made.left == {Left.LAST_TRADE: 1}


def test_an_amended_trade_takes_the_place_of_the_old_one() -> None:
    made = builder()
    feed(made, trade(1, 10), trade(2, 99, id_="old"))
    made.advance(at(62))
    corrected = made.add(Amend(trade(2, 11, id_="new"), "old"), at(70))
    assert corrected == BuiltBar(OPEN, 10, 11, 10, 11, 200, 2, BarState.CORRECTED)


def test_trades_that_make_no_price_count_for_the_volume_alone() -> None:
    made = builder()
    feed(made, trade(1, 10), trade(2, 50, 7, makes_price=False))
    assert made.advance(at(62)) == [BuiltBar(OPEN, 10, 10, 10, 10, 107, 2, BarState.CLOSED)]


def test_the_opening_auction_belongs_to_the_first_minute_even_if_reported_before_the_open() -> None:
    made = builder()
    feed(made, trade(-1, 10, auction=Auction.OPENING), trade(5, 11))
    assert made.advance(at(62))[0].open == 10


def test_the_closing_auction_corrects_the_last_minute() -> None:
    made = builder()
    seconds = CLOSE - OPEN
    feed(made, trade(seconds - 5, 10))
    made.advance(at(seconds + 2))
    corrected = made.add(trade(seconds + 180, 10.5, 5000, auction=Auction.CLOSING), at(seconds + 181))
    assert corrected == BuiltBar(CLOSE - 60, 10, 10.5, 10, 10.5, 5100, 2, BarState.CORRECTED)


@pytest.mark.parametrize("second", [-1.0, -3600.0, CLOSE - OPEN + 1.0])
def test_trades_outside_the_session_are_counted_and_left_out(second: float) -> None:
    made = builder()
    assert made.add(trade(second, 10), at(second)) is None
    assert made.left == {Left.OUTSIDE_SESSION: 1}


def test_extended_hours_make_bars_of_their_own() -> None:
    made = builder(extended=(time(4), time(20)))
    feed(made, trade(-90, 10))
    assert [bar.t - OPEN for bar in made.advance(at(0))] == [-120]


def test_what_claims_to_be_traded_in_a_halt_is_left_out_and_what_was_before_it_counts() -> None:
    made = builder()
    made.add(Halt("TEST", at(10), halted=True), at(10))
    was_halted = made.halted
    made.add(trade(5, 10), at(11))
    made.add(trade(12, 30), at(12))
    made.add(Halt("TEST", at(40), halted=False), at(40))
    assert (was_halted, made.halted) == (True, False)
    made.add(trade(41, 11), at(41))
    made.add(trade(39, 31), at(42))
    assert made.left == {Left.HALTED: 2}
    assert made.advance(at(62)) == [BuiltBar(OPEN, 10, 11, 10, 11, 200, 2, BarState.CLOSED)]


@pytest.mark.parametrize(
    ("price", "size"),
    [(float("nan"), 1), (float("inf"), 1), (0, 1), (-1, 1), (1, float("nan")), (1, -1), (1, float("inf"))],
)
def test_numbers_that_no_trade_has_are_left_out(price: float, size: float) -> None:
    made = builder()
    made.add(trade(1, price, size), at(1))
    assert made.left == {Left.UNUSABLE: 1}


def test_a_trade_of_the_future_is_left_out() -> None:
    made = builder()
    made.add(trade(100, 10), at(1))
    assert made.left == {Left.FUTURE: 1}


def test_minutes_of_which_trades_were_missed_are_never_closed() -> None:
    made = builder()
    made.interrupt(-float("inf"), at(70))
    feed(made, trade(75, 10), trade(121, 11))
    assert [bar.t - OPEN for bar in made.advance(at(300))] == [120]
    assert made.incomplete == 1
    assert made.add(trade(80, 12), at(301)) is None


def test_holidays_and_early_closes_are_known() -> None:
    clock = SessionClock(load_calendar("XNYS"), "America/New_York")
    christmas = int(datetime(2024, 12, 25, 16, tzinfo=UTC).timestamp())
    eve = int(datetime(2024, 12, 24, 18, 30, tzinfo=UTC).timestamp())
    assert clock.minute_of(christmas) is None
    assert clock.minute_of(eve) is None
    assert clock.minute_of(eve - 3600) == eve - 3600


def test_a_session_names_the_first_sessions_of_its_week_and_month() -> None:
    span = SessionClock(load_calendar("XNYS"), "America/New_York").session_at(OPEN)
    assert span is not None
    days = [datetime.fromtimestamp(one, UTC).date().isoformat() for one in (span.date, span.week, span.month)]
    assert days == ["2024-03-05", "2024-03-04", "2024-03-01"]
    assert (span.opens, span.closes) == (OPEN, CLOSE)
