"""Calendars: those of the library, of our own, and what is corrected in them."""

from datetime import UTC, date, datetime, time

import numpy as np
import pytest

from stock_analysis.domain import calendars
from stock_analysis.domain.calendars import (
    Calendar,
    korea_by_library,
    load_calendar,
    read_korea_table,
    session_change,
)
from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.testing.builders import epoch


def hours(calendar: Calendar, day: str) -> tuple[str, str] | None:
    """Opens and closes of a day in UTC; None where there is no session."""
    row = int(np.searchsorted(calendar.sessions, epoch(day)))
    if row == len(calendar.sessions) or calendar.sessions[row] != epoch(day):
        return None
    opens, closes = (datetime.fromtimestamp(int(one[row]), UTC) for one in (calendar.opens, calendar.closes))
    return f"{opens:%m-%d %H:%M}", f"{closes:%m-%d %H:%M}"


@pytest.mark.parametrize("day", ["2021-11-18", "2022-11-17", "2023-11-16", "2024-11-14", "2025-11-13"])
def test_korea_opens_and_closes_an_hour_later_on_the_college_entrance_day(day: str) -> None:
    assert hours(load_calendar("XKRX"), day) == (f"{day[5:]} 01:00", f"{day[5:]} 07:30")


@pytest.mark.parametrize("day", ["2020-12-03", "2024-11-13", "2024-11-15", "2025-11-14"])
def test_the_days_beside_are_as_the_library_has_them(day: str) -> None:
    expected = ("01:00", "07:30") if day == "2020-12-03" else ("00:00", "06:30")
    assert hours(load_calendar("XKRX"), day) == tuple(f"{day[5:]} {one}" for one in expected)


def test_a_market_that_never_closes_has_every_day_and_every_minute() -> None:
    calendar = load_calendar("24/7")
    days = np.arange(epoch("2024-02-24"), epoch("2024-03-05"), 86_400)
    assert calendar.is_session(days).all()
    assert (calendar.session_index(np.arange(days[0], days[-1], 3600)) >= 0).all()


def test_the_currency_week_is_from_sunday_to_friday_afternoon_in_new_york() -> None:
    calendar = load_calendar("FX")
    assert hours(calendar, "2024-01-08") == ("01-07 22:00", "01-08 22:00")
    assert hours(calendar, "2024-07-12") == ("07-11 21:00", "07-12 21:00")
    assert hours(calendar, "2024-07-13") is None
    assert hours(calendar, "2024-07-14") is None
    saturday = np.array([epoch("2024-07-13T12:00")])
    assert calendar.session_index(saturday).tolist() == [-1]


def test_hours_of_weekdays_make_a_calendar() -> None:
    calendar = load_calendar("weekdays 10:00-14:30 Africa/Lagos")
    assert hours(calendar, "2024-03-01") == ("03-01 09:00", "03-01 13:30")
    assert hours(calendar, "2024-03-02") is None


@pytest.mark.parametrize("name", ["XNYX", "weekdays", "", "us_futurs"])
def test_an_unknown_calendar_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match="no calendar is named"):
        load_calendar(name)


def test_users_add_remove_and_move_sessions() -> None:
    changes = (
        session_change(date(2024, 1, 6), "America/New_York", time(10), time(12)),
        session_change(date(2024, 1, 8), "America/New_York", None, None),
        session_change(date(2024, 1, 9), "America/New_York", time(11), time(16)),
    )
    before, after = load_calendar("XNYS"), load_calendar("XNYS", changes)
    assert hours(after, "2024-01-06") == ("01-06 15:00", "01-06 17:00")
    assert hours(after, "2024-01-08") is None
    assert hours(after, "2024-01-09") == ("01-09 16:00", "01-09 21:00")
    assert hours(after, "2024-01-10") == hours(before, "2024-01-10")
    assert len(after.sessions) == len(before.sessions)
    assert (np.diff(after.sessions) > 0).all()
    assert hours(before, "2024-01-08") is not None, "the calendar without corrections stays as it was"


def test_users_corrections_stand_above_those_that_are_shipped() -> None:
    back = session_change(date(2024, 11, 14), "Asia/Seoul", time(9), time(15, 30))
    assert hours(load_calendar("XKRX", (back,)), "2024-11-14") == ("11-14 00:00", "11-14 06:30")


def test_a_session_that_opens_later_than_it_closes_began_the_day_before() -> None:
    evening = session_change(date(2024, 1, 8), "America/Chicago", time(17), time(16))
    assert (evening.opens, evening.closes) == (epoch("2024-01-07T23:00"), epoch("2024-01-08T22:00"))


def test_the_table_of_koreas_sessions_is_what_the_library_computes() -> None:
    computed, table = korea_by_library(), read_korea_table()
    for name in ("sessions", "opens", "closes"):
        expected = getattr(computed, name)
        np.testing.assert_array_equal(getattr(table, name), expected, f"{name}: `make generate` mends it")


def test_koreas_calendar_reaches_as_far_as_that_of_others_and_costs_no_computing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = load_calendar("XTKS").sessions[-1]
    monkeypatch.setattr(calendars, "_of_library", None)
    load_calendar.cache_clear()
    found = load_calendar("XKRX").sessions
    assert found[0] == epoch("1990-01-03")
    assert abs(int(found[-1]) - int(expected)) <= 7 * 86_400


def test_a_table_that_ends_too_early_is_left_for_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    class LongAfter(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "LongAfter":  # noqa: ARG003 - as in datetime
            return cls(2041, 2, 3, tzinfo=UTC)

    monkeypatch.setattr(calendars, "datetime", LongAfter)
    assert calendars._of_table() is None
