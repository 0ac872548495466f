from datetime import UTC, datetime, timedelta

import pytest

from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.gateway.cli import describe_key, parse_expiry
from stock_analysis.gateway.keys import create_key
from stock_analysis.gateway.ports import KeyScope

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90d", NOW + timedelta(days=90)),
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T09:00:00+09:00", datetime(2027, 1, 31, tzinfo=UTC)),
    ],
)
def test_an_expiry_is_days_from_now_or_a_date(text: str, expected: datetime) -> None:
    assert parse_expiry(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "soon", "90", "0d", "-1d", "2026-11-23", "99999d" * 2, "2027-02-30"])
def test_an_expiry_that_is_no_time_or_past_is_refused_in_words(text: str) -> None:
    with pytest.raises(InvalidInputError, match="--expires"):
        parse_expiry(text, NOW)


def test_what_is_shown_of_a_key_does_not_help_to_use_it() -> None:
    token, key = create_key("test", frozenset({KeyScope.OPERATE, KeyScope.READ}), None)
    shown = describe_key(key)
    assert (shown["state"], shown["scopes"]) == ("active", ["operate", "read"])
    assert token not in str(shown)
    assert key.hash.hex() not in str(shown)
