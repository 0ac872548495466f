"""The interval of a bucket holds the true mean as often as it says, with and without bots."""

import pytest

from tools.simulate_sentiment import AUTHORS, simulate

ROUNDS = {5: 3000, 30: 2000, 300: 600}
"""The draws are the same in each run. docs/sentiment.md has the figures of 8,000."""


@pytest.mark.parametrize("authors", AUTHORS)
@pytest.mark.parametrize("bots_for_each", [0, 1])
def test_the_interval_covers_in_nine_of_ten_cases(authors: int, bots_for_each: int) -> None:
    found = simulate(authors, authors * bots_for_each, ROUNDS[authors])
    assert 0.88 <= found.coverage <= 0.92, found


def test_more_authors_say_more_and_bots_less() -> None:
    five, thirty = simulate(5, 0, 200), simulate(30, 0, 200)
    assert thirty.width < 0.6 * five.width
    assert simulate(30, 30, 200).width > 1.2 * thirty.width
