"""What must hold for buckets of all posts: order, deletion, and how far one author reaches."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from stock_analysis.sentiment.aggregation import MOST_OF_AN_AUTHOR, Label, Voice, aggregate

LABELS: list[Label] = ["negative", "neutral", "positive", "unsure"]
VOICES = st.builds(
    Voice,
    author=st.integers(0, 12),
    copies=st.integers(0, 20),
    score=st.floats(-1, 1, width=32),
    label=st.sampled_from(LABELS),
    judged=st.booleans(),
)
BOUND_WIDTH = 2.0


def reach(effective_n: float) -> float:
    """How far one author can move the mean of a bucket of this effective n: docs/sentiment.md."""
    return 2 * BOUND_WIDTH * MOST_OF_AN_AUTHOR / (effective_n + MOST_OF_AN_AUTHOR)


@given(st.lists(VOICES, max_size=60), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_arrival_does_not_matter(voices: list[Voice], draw: random.Random) -> None:
    shuffled = list(voices)
    draw.shuffle(shuffled)
    assert aggregate(shuffled) == aggregate(voices)


@given(st.lists(VOICES, max_size=40), st.lists(VOICES, max_size=20))
@settings(deadline=None)
def test_deleting_what_was_added_gives_the_state_before(before: list[Voice], added: list[Voice]) -> None:
    kept = list(before)
    after = [*before, *added]
    for one in added:
        after.remove(one)
    assert aggregate(after) == aggregate(kept)


@given(st.lists(VOICES, max_size=60))
@settings(deadline=None)
def test_the_mean_lies_in_its_interval_and_both_in_bounds(voices: list[Voice]) -> None:
    bucket = aggregate(voices)
    assert -1 <= bucket.low <= bucket.score <= bucket.high <= 1
    assert bucket.effective_n <= len(voices) + 1e-9
    assert bucket.effective_n <= MOST_OF_AN_AUTHOR * bucket.voices + 1e-9
    assert abs(bucket.positive) + bucket.negative + bucket.unsure <= 1 + 1e-9


@given(
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=40),
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=40),
)
@settings(deadline=None)
def test_one_author_moves_a_bucket_by_no_more_than_the_bound(others: list[float], own: list[float]) -> None:
    people = [Voice(n, n, score, "neutral") for n, score in enumerate(others)]
    loud = [Voice("one", ("one", n), score, "neutral") for n, score in enumerate(own)]
    before, after = aggregate(people), aggregate([*people, *loud])
    assert after.effective_n - before.effective_n <= MOST_OF_AN_AUTHOR + 1e-9
    assert abs(after.score - before.score) <= reach(before.effective_n)
