"""What a bucket says: weights, the mean with its interval, attention."""

import math

import pytest

from stock_analysis.sentiment.aggregation import (
    PRIOR_MEAN,
    Voice,
    aggregate,
    attention,
    student_95,
    weights_of,
)


def voices(count: int, score: float = 0.5, **given: str) -> list[Voice]:
    return [Voice(given.get("author", n), given.get("copies", n), score, "positive") for n in range(count)]


@pytest.mark.parametrize("copies", [1, 2, 3, 7, 1000])
def test_near_copies_of_many_authors_count_as_the_logarithm(copies: int) -> None:
    assert math.fsum(weights_of(voices(copies, copies="same"))) == pytest.approx(math.log2(1 + copies))


@pytest.mark.parametrize(("posts", "counts"), [(1, 1), (2, 2), (3, 2), (500, 2)])
def test_an_author_counts_at_most_twice(posts: int, counts: float) -> None:
    assert math.fsum(weights_of(voices(posts, author="one"))) == pytest.approx(counts)


def test_an_author_who_repeats_one_text_counts_less_than_twice() -> None:
    same = voices(10, author="one", copies="same")
    assert math.fsum(weights_of(same)) == pytest.approx(math.log2(3))


def test_a_flood_of_one_text_by_a_thousand_accounts_says_little() -> None:
    people = [Voice(n, n, -0.6, "negative") for n in range(30)]
    flooded = aggregate([*people, *[Voice(f"b{n}", "flood", 1.0, "positive") for n in range(1000)]])
    assert flooded.effective_n == pytest.approx(30 + math.log2(1001))
    assert flooded.score < 0
    assert flooded.copies == 1000
    assert flooded.high - flooded.low > aggregate(people).high - aggregate(people).low


def test_little_said_is_drawn_to_the_prior_and_much_is_not() -> None:
    one, many = aggregate(voices(1, 1.0)), aggregate(voices(1000, 1.0))
    assert PRIOR_MEAN < one.score < 0.5
    assert many.score > 0.99
    assert one.high - one.low > 4 * (many.high - many.low)


def test_no_post_and_none_judged_say_what_was_known_before() -> None:
    for bucket in (aggregate([]), aggregate([Voice(1, 1, 0.9, "positive", judged=False)])):
        assert (bucket.score, bucket.judged, bucket.positive) == (PRIOR_MEAN, 0, 0)
        assert bucket.low < -0.5
        assert bucket.high > 0.5


def test_what_is_not_judged_is_volume_alone() -> None:
    judged = voices(4)
    both = aggregate([*judged, Voice("x", "x", 0.0, "unsure", judged=False)])
    assert (both.posts, both.judged, both.effective_n) == (5, 4, 5)
    assert (both.score, both.low, both.high) == tuple(
        getattr(aggregate(judged), name) for name in ("score", "low", "high")
    )


def test_shares_are_of_what_counts() -> None:
    mixed = [Voice(n, n, 0.8, "positive") for n in range(3)] + [Voice(9, 9, -0.8, "negative")]
    bucket = aggregate([*mixed, Voice(10, 10, 0.0, "unsure")])
    assert (bucket.positive, bucket.negative, bucket.unsure) == (0.6, 0.2, 0.2)


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(5, 2.015), (6, 1.943), (10, 1.812), (30, 1.697), (300, 1.650)]
)
def test_students_quantile_is_that_of_the_tables(freedom: float, quantile: float) -> None:
    assert student_95(freedom) == pytest.approx(quantile, abs=1e-3)


def test_attention_is_in_deviations_of_the_days_before() -> None:
    assert attention(40.0, [4.0] * 30) == 18.0
    assert attention(4.0, [4.0] * 30) == 0.0
    assert attention(5.0, [0.0] * 30) == 5.0
    assert attention(20.0, [10.0, 20.0] * 15) == pytest.approx(0.983, abs=1e-3)


def test_attention_is_not_told_without_history() -> None:
    assert attention(100.0, [1.0] * 6) is None
