"""How often the interval of a bucket holds the true mean: python tools/simulate_sentiment.py [ROUNDS].

A bucket's true mean is drawn from the prior, the authors' scores around it; some write twice. With bots, as
many accounts again post near-copies of one text that lies far to one side, whatever the others think.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from stock_analysis.sentiment.aggregation import PRIOR_MEAN, PRIOR_SD, Label, Voice, aggregate

AUTHORS = (5, 30, 300)
SPREADS = (0.35, 0.5, 0.6)
"""How far single voices may lie apart; drawn for each bucket."""
BOT_SCORES = (0.5, 1.0)
"""How far to one side the bots' text lies."""
SEED = 20261129


@dataclass(frozen=True, slots=True)
class Coverage:
    """authors, bots: accounts. coverage: share of the intervals with the true mean. width: their mean one."""

    authors: int
    bots: int
    coverage: float
    width: float
    effective_n: float


def simulate(authors: int, bots: int, rounds: int, seed: int = SEED) -> Coverage:
    """Coverage with so many authors and bots."""
    random = np.random.default_rng([seed, authors, bots])
    found = []
    for _ in range(rounds):
        truth = float(np.clip(random.normal(PRIOR_MEAN, PRIOR_SD), -0.95, 0.95))
        bucket = aggregate([*_people(random, truth, authors), *_bots(random, bots)])
        found.append((bucket.low <= truth <= bucket.high, bucket.high - bucket.low, bucket.effective_n))
    covered, width, size = np.array(found, dtype=float).mean(axis=0)
    return Coverage(authors, bots, float(covered), float(width), float(size))


def _people(random: np.random.Generator, truth: float, authors: int) -> Sequence[Voice]:
    """Scores between -1 and 1 whose mean is the truth: a Beta distribution."""
    spread = min(random.choice(SPREADS), 0.9 * np.sqrt(1 - truth**2))
    size = (1 - truth**2) / spread**2 - 1
    shape = max(1e-3, (1 + truth) / 2 * size), max(1e-3, (1 - truth) / 2 * size)
    scores = 2 * random.beta(*shape, size=authors) - 1
    found = []
    for author, score in enumerate(scores):
        for copy in range(2 if random.random() < 0.2 else 1):
            again = float(np.clip(score, -1, 1))
            found.append(Voice(author, (author, copy), again, _label(again)))
    return found


def _bots(random: np.random.Generator, bots: int) -> Sequence[Voice]:
    score = float(random.choice((-1, 1)) * random.uniform(*BOT_SCORES))
    return [Voice(("bot", number), "text", score, _label(score)) for number in range(bots)]


def _label(score: float) -> Label:
    return "positive" if score > 0.2 else "negative" if score < -0.2 else "neutral"


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    for authors in AUTHORS:
        for bots in (0, authors):
            print(json.dumps({**asdict(simulate(authors, bots, rounds)), "rounds": rounds}))


if __name__ == "__main__":
    main()
