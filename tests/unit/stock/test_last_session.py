from datetime import UTC, date, datetime

import pytest

from stock_analysis.stock.service import last_closed_session


@pytest.mark.parametrize(
    ("now", "session"),
    [
        ("2024-01-02T20:59:59", "2023-12-29"),  # the close of the first session of the year is a second away
        ("2024-01-02T21:00:00", "2024-01-02"),
        ("2023-11-24T17:59:59", "2023-11-22"),
        ("2023-11-24T18:00:00", "2023-11-24"),  # a short session, after Thanksgiving
        ("2024-01-07T12:00:00", "2024-01-05"),  # a Sunday
    ],
)
def test_the_last_session_is_the_newest_that_has_ended(now: str, session: str) -> None:
    instant = datetime.fromisoformat(now).replace(tzinfo=UTC).timestamp()
    assert last_closed_session("XNYS", instant) == date.fromisoformat(session)


def test_before_the_first_session_there_is_none() -> None:
    assert last_closed_session("XNYS", 0) is None
