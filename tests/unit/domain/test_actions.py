"""Corporate actions as people write them, and several of one kind on one day."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_analysis.domain.actions import ActionKind, ActionUnit, CorporateAction, read_action, restate
from stock_analysis.domain.errors import InvalidInputError

DAY = date(2024, 2, 7)


def dividend(value: float, source: str = "a") -> CorporateAction:
    return CorporateAction(DAY, ActionKind.DIVIDEND, value, source)


@pytest.mark.parametrize(
    ("kind", "value", "number"),
    [
        ("split", "4", 4.0),
        ("Split", "4:1", 4.0),
        ("stock-split", "4/1", 4.0),
        ("split", "4-for-1", 4.0),
        ("Reverse Split", "1:20", 0.05),
        ("split", "3:2", 1.5),
        ("split", " 7 : 1 ", 7.0),
        ("액면분할", "50:1", 50.0),
        ("dividend", "0.25", 0.25),
        ("Special Dividend", "9", 9.0),
    ],
)
def test_ratios_and_amounts_are_read_as_they_are_written(kind: str, value: str, number: float) -> None:
    assert read_action(DAY, kind, value).value == pytest.approx(number, rel=1e-15)


def test_a_spin_off_is_a_price_ratio_or_cash_a_share() -> None:
    ratio = read_action(DAY, "spin-off", "0.8", unit="ratio")
    cash = read_action(DAY, "spinoff", "12.5", unit="cash")
    assert (ratio.unit, ratio.value) == (ActionUnit.RATIO, 0.8)
    assert (cash.unit, cash.value) == (ActionUnit.CASH, 12.5)
    assert read_action(DAY, "spin_off", "4:5").unit is ActionUnit.RATIO


def test_rights_have_a_ratio_and_a_price() -> None:
    found = read_action(DAY, "rights issue", "1:5", price="8")
    assert (found.kind, found.value, found.price, found.unit) == (
        ActionKind.RIGHTS,
        0.2,
        8.0,
        ActionUnit.RATIO,
    )


@pytest.mark.parametrize(
    ("kind", "value", "unit", "price", "says"),
    [
        ("splt", "4", "", "", "do you mean split"),
        ("merger", "4", "", "", "no kind of action"),
        ("split", "0", "", "", "must be positive"),
        ("split", "-4", "", "", "must be positive"),
        ("split", "inf", "", "", "must be positive"),
        ("split", "4:0", "", "", "must be positive"),
        ("split", "four", "", "", "not a number"),
        ("dividend", "4:1", "", "", "is a ratio"),
        ("dividend", "4", "ratio", "", "is cash, not ratio"),
        ("spin-off", "0.8", "", "", "ratio or cash"),
        ("spin-off", "1.25", "ratio", "", "below 1"),
        ("spin-off", "0.8", "percent", "", "no unit"),
        ("rights", "1:5", "", "", "price of a new share"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_would_be_right(
    kind: str, value: str, unit: str, price: str, says: str
) -> None:
    with pytest.raises(InvalidInputError, match=says):
        read_action(DAY, kind, value, unit=unit, price=price)


def test_two_dividends_of_a_day_are_two() -> None:
    found = restate([], [dividend(1), dividend(9)])
    assert (len(found.actions), found.new, found.changed) == (2, 2, 0)


def test_the_same_again_changes_nothing() -> None:
    stored = [dividend(1), dividend(9)]
    assert restate(stored, stored[::-1]) == restate(stored, stored)
    assert restate(stored, stored).new == restate(stored, stored).changed == 0
    assert restate(stored, [dividend(9)]).actions == tuple(stored)


def test_another_value_corrects_and_one_more_adds() -> None:
    assert restate([dividend(1)], [dividend(2)]) == restate([dividend(3)], [dividend(2)])
    corrected = restate([dividend(1)], [dividend(2)])
    assert (corrected.actions, corrected.new, corrected.changed) == ((dividend(2),), 0, 1)
    grown = restate([dividend(1)], [dividend(1), dividend(9)])
    assert (len(grown.actions), grown.new, grown.changed) == (2, 1, 0)


def test_beside_what_is_stored_only_what_differs_is_added() -> None:
    found = restate([dividend(1)], [dividend(1, "b"), dividend(9)], beside=True)
    assert (found.actions, found.new, found.changed) == ((dividend(1), dividend(9)), 1, 0)


VALUES = st.lists(st.sampled_from([0.5, 1.0, 9.0]), max_size=4)


@given(stored=VALUES, told=VALUES)
def test_telling_twice_is_telling_once(stored: list[float], told: list[float]) -> None:
    once = restate([dividend(one) for one in stored], [dividend(one, "b") for one in told])
    twice = restate(once.actions, [dividend(one, "b") for one in told])
    assert (twice.actions, twice.new, twice.changed) == (once.actions, 0, 0)
    if set(told) - set(stored):
        assert sorted(one.value for one in once.actions) == sorted(told)


@given(stored=VALUES, told=VALUES)
def test_beside_nothing_that_is_stored_goes(stored: list[float], told: list[float]) -> None:
    found = restate([dividend(one) for one in stored], [dividend(one) for one in told], beside=True)
    for value in (0.5, 1.0, 9.0):
        count = [one.value for one in found.actions].count(value)
        assert count == max(stored.count(value), told.count(value))
