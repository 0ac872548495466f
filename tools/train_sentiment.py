"""The sentiment model: trained, measured, written. What it is good for: docs/sentiment.md.

    .venv/bin/python -m tools.train_sentiment train      # writes src/stock_analysis/sentiment/model.npz
    .venv/bin/python -m tools.train_sentiment evaluate   # in and across the sets that are shipped
    .venv/bin/python -m tools.train_sentiment evaluate --vader-archive vadersentiment-3.3.2.tar.gz
    .venv/bin/python -m tools.train_sentiment evaluate --sentfin FILE --twitter FILE
    .venv/bin/python -m tools.train_sentiment train --sentfin FILE --twitter FILE --out other.npz

Nothing is downloaded. Without files it uses the grammars in tools/sentiment and the labelled texts in
tests/data/sentiment, never the half "unseen" for training.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from stock_analysis.sentiment.features import features
from stock_analysis.sentiment.languages import language_of
from stock_analysis.sentiment.model import (
    FORMAT,
    LABELS,
    SHIPPED,
    ModelError,
    SentimentModel,
    digest_of,
    load_model,
)
from tools.sentiment.measures import Measured, measure, row, vader
from tools.sentiment.texts import DataError, Text, drawn, labelled_half, sentfin, twitter, vader_archive

LANGUAGES = ("en", "ko")
STRENGTH = {"en": 16.0, "ko": 4.0}
"""C of the logistic regression, chosen on the half "seen"."""
STEP = 1e-2
"""Weights are kept in steps of this, so that another processor's last bits do not change the file."""
FOLDS = 10
THRESHOLD = 0.5
_TEMPERATURES = np.round(np.arange(0.2, 3.0001, 0.01), 2)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """A model of one language before it is written."""

    names: list[str]
    idf: Array
    weights: Array
    bias: Array

    def logits(self, texts: Sequence[str], language: str) -> Array:
        places = {name: place for place, name in enumerate(self.names)}
        return np.asarray(_matrix(texts, language, places, self.idf) @ self.weights + self.bias)


def _matrix(texts: Sequence[str], language: str, places: Mapping[str, int], idf: Array) -> csr_matrix:
    starts, columns, values = [0], list[int](), list[float]()
    for text in texts:
        counts = Counter(places[one] for one in features(text, language) if one in places)
        row_values = np.array([count * idf[place] for place, count in counts.items()])
        norm = float(np.sqrt(row_values @ row_values)) or 1.0
        columns.extend(counts)
        values.extend((row_values / norm).tolist())
        starts.append(len(columns))
    return csr_matrix((values, columns, starts), shape=(len(texts), len(places)))


def fit(texts: Sequence[Text], language: str) -> Fitted:
    """TF-IDF and a multinomial logistic regression over the texts of one language."""
    found = [set(features(one.text, language)) for one in texts]
    documents = Counter(feature for each in found for feature in each)
    names = sorted(documents)
    places = {name: place for place, name in enumerate(names)}
    idf = np.round(np.log((1 + len(texts)) / (1 + np.array([documents[name] for name in names]))) + 1, 4)
    matrix = _matrix([one.text for one in texts], language, places, idf)
    regression = LogisticRegression(C=STRENGTH[language], solver="newton-cg", tol=1e-11, max_iter=20_000)
    regression.fit(matrix, [one.label for one in texts], sample_weight=[one.weight for one in texts])
    return Fitted(names, idf, regression.coef_.T, regression.intercept_)


def softmax(logits: Array, temperature: float) -> Array:
    powers = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def held_out(base: Sequence[Text], own: Sequence[Text], language: str) -> tuple[Array, NDArray[np.intp]]:
    """Logits of each of `own` by a model of the base and nine tenths of the others, and their labels."""
    labels = np.array([one.label for one in own])
    logits = np.zeros((len(own), len(LABELS)))
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(labels, labels):
        model = fit([*base, *(own[at] for at in train)], language)
        logits[test] = model.logits([own[at].text for at in test], language)
    return logits, labels


def temperature_of(logits: Array, labels: NDArray[np.intp]) -> float:
    """The temperature of least log loss."""
    losses = [
        -float(np.log(softmax(logits, one)[np.arange(len(labels)), labels]).mean())
        for one in _TEMPERATURES.tolist()
    ]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def build(extra: Iterable[Text] = ()) -> dict[str, NDArray[np.generic]]:
    """The arrays of the model's file."""
    arrays: dict[str, NDArray[np.generic]] = {
        "format": np.array(FORMAT, np.int32),
        "languages": np.frombuffer(" ".join(LANGUAGES).encode(), np.uint8),
    }
    added = list(extra)
    for language in LANGUAGES:
        base = [*drawn(language), *(one for one in added if language_of(one.text) == language)]
        own = labelled_half("seen", language)
        temperature = temperature_of(*held_out(base, own, language))
        final = fit([*base, *own], language)
        arrays |= {
            f"{language}_features": np.frombuffer("\n".join(final.names).encode(), np.uint8),
            f"{language}_idf": final.idf.astype(np.float32),
            f"{language}_weights": np.round(final.weights / STEP).astype(np.int32),
            f"{language}_step": np.array(STEP),
            f"{language}_bias": np.round(final.bias, 3),
            f"{language}_temperature": np.array(temperature),
            f"{language}_threshold": np.array(THRESHOLD),
        }
    arrays["digest"] = np.frombuffer(digest_of(arrays), np.uint8)
    return arrays


def write(arrays: Mapping[str, NDArray[np.generic]], path: Path) -> None:
    """Uncompressed, because compressors differ; beside it first, so that no half file stands there."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    part.replace(path)


def _probabilities(model: SentimentModel, texts: Sequence[Text]) -> tuple[Array, NDArray[np.bool_]]:
    judged = model.judge([one.text for one in texts])
    return (
        np.array([(one.negative, one.neutral, one.positive) for one in judged]),
        np.array([one.label != "unsure" for one in judged]),
    )


def _evaluate(model: SentimentModel, sets: Mapping[str, Sequence[Text]]) -> list[str]:
    lines = [row(Measured.titles()), row(["---"] * len(Measured.titles()))]
    for name, texts in sets.items():
        probabilities, sure = _probabilities(model, texts)
        lines.append(row(measure(name, probabilities, sure, texts).cells()))
        if all(language_of(one.text) != "ko" for one in texts):
            lines.append(row(measure(f"{name}: VADER", vader(texts), None, texts).cells()))
    return lines


def _in_domain(language: str) -> list[str]:
    own = labelled_half("seen", language)
    logits, labels = held_out(drawn(language), own, language)
    probabilities = softmax(logits, temperature_of(logits, labels))
    sure = probabilities.max(axis=1) >= THRESHOLD
    lines = [row(measure(f"seen ({language}), ten-fold", probabilities, sure, own).cells())]
    if language == "en":
        lines.append(row(measure("seen (en): VADER", vader(own), None, own).cells()))
    return lines


def _speed(model: SentimentModel) -> str:
    texts = [one.text for one in labelled_half("seen", "en")] * 20
    begin = time.process_time()
    model.judge(texts)
    return f"{len(texts) / (time.process_time() - begin):,.0f} English texts a second of processor time"


def _files(arguments: argparse.Namespace) -> dict[str, list[Text]]:
    given: dict[str, list[Text]] = {}
    if arguments.sentfin:
        given["SEntFiN"] = sentfin(arguments.sentfin)
    if arguments.twitter:
        given["Twitter Financial News"] = [one for file in arguments.twitter for one in twitter(file)]
    return given


def _run() -> int:
    parser = argparse.ArgumentParser(description="Train or measure the sentiment model.")
    parser.add_argument("command", choices=("train", "evaluate"))
    parser.add_argument("--sentfin", type=Path, help="SEntFiN-v1.1.csv (MIT)")
    parser.add_argument(
        "--twitter",
        type=Path,
        nargs="+",
        help="sent_train.csv and sent_valid.csv of Twitter Financial News (MIT)",
    )
    parser.add_argument(
        "--vader-archive",
        type=Path,
        help="source archive of vaderSentiment 3.3.2, which holds rated texts (MIT)",
    )
    parser.add_argument("--out", type=Path, default=SHIPPED)
    parser.add_argument("--model", type=Path, default=SHIPPED)
    arguments = parser.parse_args()
    given = _files(arguments)
    if arguments.command == "train":
        arrays = build(one for texts in given.values() for one in texts)
        write(arrays, arguments.out)
        version = load_model(arguments.out).version
        print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes, model {version}")
        return 0
    model = load_model(arguments.model)
    sets = {f"unseen ({one})": labelled_half("unseen", one) for one in LANGUAGES} | given
    if arguments.vader_archive:
        sets |= vader_archive(arguments.vader_archive)
    print(f"model {model.version}")
    print("\n".join(_evaluate(model, sets)))
    if arguments.model == SHIPPED:
        print("\n".join(line for one in LANGUAGES for line in _in_domain(one)))
    print(_speed(model))
    return 0


def main() -> int:
    """0, or 1 with one line that says which file is not what it should be."""
    try:
        return _run()
    except (DataError, ModelError, OSError) as error:
        print(f"train_sentiment: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
