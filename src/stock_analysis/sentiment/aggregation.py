"""What the posts of a span of time say together, and how sure that is.

A bucket is a function of the set of its posts alone: neither the order in which they came nor what was there
before and was deleted changes it. Formulas and the simulation of the interval: docs/sentiment.md.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stock_analysis.sentiment.copies import Parents

PRIOR_MEAN, PRIOR_SD = 0.0, 0.35
"""What the mean of a bucket is before any post: that of all stocks, as normal."""
SPREAD, SPREAD_WEIGHT = 0.44, 6.0
"""How far single voices lie apart before any post, and how many voices that is worth."""
MOST_OF_AN_AUTHOR = 2.0
CAMPAIGN, CAMPAIGN_SPREAD = 3, 0.73
"""From so many accounts on near-copies may be of one hand; how far their text may lie from the rest."""
COVERAGE = 0.9
_NORMAL_95 = 1.6448536269514722

HISTORY_DAYS = 30
LEAST_HISTORY = 7
"""Fewest buckets before this one that attention is told from."""

Label = Literal["negative", "neutral", "positive", "unsure"]


@dataclass(frozen=True, slots=True)
class Voice:
    """A post as it counts. author, copies: equal ones are of one author, and near-copies of each other.

    judged: whether a model for its language said something; else it counts as volume alone.
    """

    author: Hashable
    copies: Hashable
    score: float
    label: Label
    judged: bool = True


@dataclass(frozen=True, slots=True)
class Bucket:
    """The mean, the interval that holds the true one with a probability of COVERAGE, what it is made of.

    posts: all of them. judged: those with a score. voices: authors. copies: posts that are near-copies of
    another one's. effective_n: near-copies count as log2(1 + m), an author at most twice. positive, negative,
    unsure: weighted shares of those judged. Without a judged post the mean is the prior's.
    """

    posts: int
    judged: int
    voices: int
    copies: int
    effective_n: float
    score: float
    low: float
    high: float
    positive: float
    negative: float
    unsure: float


def aggregate(voices: Sequence[Voice]) -> Bucket:
    """The bucket of these posts, in any order."""
    weights = weights_of(voices)
    judged = [index for index, voice in enumerate(voices) if voice.judged]
    total = math.fsum(weights[index] for index in judged)
    mean, variance, freedom = _posterior(voices, weights, judged)
    half = student_95(freedom) * math.sqrt(variance)
    sizes: dict[Hashable, int] = defaultdict(int)
    for voice in voices:
        sizes[voice.copies] += 1

    def share(label: Label) -> float:
        of_it = math.fsum(weights[index] for index in judged if voices[index].label == label)
        return of_it / total if total else 0.0

    return Bucket(
        posts=len(voices),
        judged=len(judged),
        voices=len({voice.author for voice in voices}),
        copies=sum(size for size in sizes.values() if size > 1),
        effective_n=math.fsum(weights),
        score=mean,
        low=max(-1.0, mean - half),
        high=min(1.0, mean + half),
        positive=share("positive"),
        negative=share("negative"),
        unsure=share("unsure"),
    )


def weights_of(voices: Sequence[Voice]) -> list[float]:
    """How much each post counts: an author's k posts as min(k, 2), m near-copies as log2(1 + m)."""
    of_author: dict[Hashable, int] = defaultdict(int)
    for voice in voices:
        of_author[voice.author] += 1
    own = [min(of_author[v.author], MOST_OF_AN_AUTHOR) / of_author[v.author] for v in voices]
    gathered: dict[Hashable, list[float]] = defaultdict(list)
    for voice, weight in zip(voices, own, strict=True):
        gathered[voice.copies].append(weight)
    sums = {copies: math.fsum(weights) for copies, weights in gathered.items()}
    return [
        weight * _dampened(sums[voice.copies]) / sums[voice.copies]
        for voice, weight in zip(voices, own, strict=True)
    ]


def _dampened(weight: float) -> float:
    return min(weight, math.log2(1 + weight))


def _posterior(
    voices: Sequence[Voice], weights: Sequence[float], judged: Sequence[int]
) -> tuple[float, float, float]:
    """Mean, variance and degrees of freedom of the bucket's true mean.

    What one author wrote, and what is copied, is one observation. Their weighted mean has the effective size
    of Kish (1965), their spread is drawn to SPREAD, their mean to the prior's.
    """
    if not judged:
        return PRIOR_MEAN, PRIOR_SD**2, SPREAD_WEIGHT
    weight, value, accounts = _observations(voices, weights, judged)
    total = weight.sum()
    size = total**2 / (weight**2).sum()
    mean = (weight * value).sum() / total
    between = (weight * (value - mean) ** 2).sum() / total * size
    freedom = SPREAD_WEIGHT + size - 1
    spread = (SPREAD_WEIGHT * SPREAD**2 + between) / freedom
    campaigns = accounts >= CAMPAIGN
    error = spread / size + ((weight[campaigns] / total) ** 2).sum() * CAMPAIGN_SPREAD**2
    precision = 1 / PRIOR_SD**2 + 1 / error
    drawn = (PRIOR_MEAN / PRIOR_SD**2 + mean / error) / precision
    return float(drawn), float(1 / precision), float(freedom)


def _observations(
    voices: Sequence[Voice], weights: Sequence[float], judged: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weight, value and number of copying accounts of each set of posts that an author or a text joins."""
    sets, first = Parents(len(judged)), dict[Hashable, int]()
    for place, index in enumerate(judged):
        for name in (("author", voices[index].author), ("copies", voices[index].copies)):
            sets.join(first.setdefault(name, place), place)
    members: dict[int, list[int]] = defaultdict(list)
    for place, index in enumerate(judged):
        members[sets.of(place)].append(index)
    rows = []
    for indices in members.values():
        weight = math.fsum(weights[index] for index in indices)
        value = math.fsum(weights[index] * voices[index].score for index in indices) / weight
        rows.append((weight, value, _accounts(voices, indices)))
    columns = np.array(sorted(rows))
    return columns[:, 0], columns[:, 1], columns[:, 2]


def _accounts(voices: Sequence[Voice], indices: Sequence[int]) -> int:
    """Most accounts that one text of these has."""
    accounts: dict[Hashable, set[Hashable]] = defaultdict(set)
    for index in indices:
        accounts[voices[index].copies].add(voices[index].author)
    return max(map(len, accounts.values()))


def student_95(freedom: float) -> float:
    """The 0.95 quantile of Student's t, by Cornish and Fisher; to 0.001 from 5 degrees of freedom on."""
    z, n = _NORMAL_95, freedom
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * n**4)
    )


def attention(effective_n: float, before: Sequence[float]) -> float | None:
    """How unusual the volume is: standard deviations above the mean of the buckets before it.

    before: effective n of the buckets of the same length in the HISTORY_DAYS before, empty ones as 0. A
    deviation is at least that of counts of this size (Poisson) and at least 1. None: too little is known.
    """
    if len(before) < LEAST_HISTORY:
        return None
    mean = math.fsum(before) / len(before)
    variance = math.fsum((one - mean) ** 2 for one in before) / (len(before) - 1)
    return (effective_n - mean) / max(math.sqrt(variance), math.sqrt(mean), 1.0)
