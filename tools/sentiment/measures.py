"""How good probabilities are: accuracy, macro-F1, calibration error, what is left unsure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from tools.sentiment.texts import Text

BINS = 10
_VADER = 0.05
"""VADER's own bound for its compound score."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """Of one set. decided: the share that is not unsure; right: the accuracy of those. NaN = none."""

    name: str
    texts: int
    accuracy: float
    macro_f1: float
    calibration_error: float
    decided: float
    right: float

    @staticmethod
    def titles() -> list[str]:
        return ["set", "texts", "accuracy", "macro-F1", "calibration error", "decided", "accuracy of those"]

    def cells(self) -> list[str]:
        figures = (self.accuracy, self.macro_f1, self.calibration_error, self.decided, self.right)
        return [self.name, f"{self.texts:,}", *("" if np.isnan(one) else f"{one:.3f}" for one in figures)]


def row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def measure(
    name: str, probabilities: Array, sure: NDArray[np.bool_] | None, texts: Sequence[Text]
) -> Measured:
    """probabilities: (texts, 3). sure: which are decided, None for a method without probabilities."""
    labels = np.array([one.label for one in texts])
    said = probabilities.argmax(axis=1)
    right = said == labels
    f1 = [
        2
        * int(((said == one) & (labels == one)).sum())
        / max(1, int((said == one).sum() + (labels == one).sum()))
        for one in range(3)
    ]
    if sure is None:
        return Measured(name, len(texts), float(right.mean()), float(np.mean(f1)), np.nan, np.nan, np.nan)
    among = float(right[sure].mean()) if sure.any() else np.nan
    error = expected_calibration_error(probabilities.max(axis=1), right)
    return Measured(
        name, len(texts), float(right.mean()), float(np.mean(f1)), error, float(sure.mean()), among
    )


def expected_calibration_error(confidence: Array, right: NDArray[np.bool_]) -> float:
    """Mean distance of confidence and accuracy over BINS bins of equal width, weighted by their texts."""
    places = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [
        abs(float(confidence[places == one].mean()) - float(right[places == one].mean()))
        * float((places == one).mean())
        for one in range(BINS)
        if (places == one).any()
    ]
    return float(sum(gaps))


def vader(texts: Sequence[Text]) -> Array:
    """(texts, 3): VADER's answer as a 1 in its place."""
    analyzer = SentimentIntensityAnalyzer()
    scores = np.array([analyzer.polarity_scores(one.text)["compound"] for one in texts])
    return np.asarray(np.eye(3)[1 + (scores >= _VADER).astype(int) - (scores <= -_VADER).astype(int)])
