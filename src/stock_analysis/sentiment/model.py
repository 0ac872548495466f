"""Which way a text leans: a small model of our own, with the certainty that it has and no more."""

import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stock_analysis.domain.errors import StockAnalysisError
from stock_analysis.sentiment.features import features
from stock_analysis.sentiment.languages import language_of

FORMAT = 1
"""Of the file; another one is refused."""
LABELS = ("negative", "neutral", "positive")
SHIPPED = Path(__file__).with_name("model.npz")
MIN_KNOWN = 0.4
MIN_WORDS = 2
"""Share and number of a text's words below which the model says nothing of it."""
MAX_BYTES = 64 * 1024 * 1024
_RETRAIN = "reinstall the platform, or train the model anew: python -m tools.train_sentiment train"

Label = Literal["negative", "neutral", "positive", "unsure"]
Array = NDArray[Any]


class ModelError(StockAnalysisError):
    """The file of the sentiment model cannot be used."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Which way a text leans.

    language: "en", "ko", "mul" (another one) or "und" (no letters). negative, neutral, positive: calibrated
    probabilities, together 1. label: the likeliest, or "unsure" where none reaches the model's threshold,
    where it knows too few of the words, and always in a language that it was not trained for (a third each).
    score: positive - negative, in [-1, 1]; 0 where nothing is known. version: of the model.
    """

    language: str
    negative: float
    neutral: float
    positive: float
    label: Label
    score: float
    version: str


@dataclass(frozen=True, slots=True)
class _Head:
    """The model of one language. weights: (features, 3); inverse: (features,) the idf."""

    places: Mapping[str, int]
    inverse: list[float]
    weights: Array
    bias: Array
    temperature: float
    threshold: float

    def probabilities(self, text: str, language: str) -> Array | None:
        """(3,), or None where too few of the text's words are known."""
        known: Counter[int] = Counter()
        words = met = 0
        for feature in features(text, language):
            place = self.places.get(feature)
            word = " " not in feature
            words += word
            if place is not None:
                met += word
                known[place] += 1
        if met < MIN_WORDS or met < MIN_KNOWN * words:
            return None
        at = np.fromiter(known.keys(), np.intp, len(known))
        values = np.array([count * self.inverse[place] for place, count in known.items()])
        values /= np.sqrt(values @ values)
        logits = (values @ self.weights[at] + self.bias) / self.temperature
        powers = np.exp(logits - logits.max())
        return np.asarray(powers / powers.sum())


class SentimentModel:
    """The trained model; load_model reads it. version: its format, and the beginning of its digest."""

    def __init__(self, heads: Mapping[str, _Head], version: str) -> None:
        self._heads = heads
        self.version = version

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that it was trained for."""
        return tuple(sorted(self._heads))

    def judge(self, texts: Sequence[str]) -> list[Judgement]:
        """A judgement of each text, in their order. Any text has one."""
        return [self._judge(text) for text in texts]

    def _judge(self, text: str) -> Judgement:
        language = language_of(text)
        head = self._heads.get(language)
        found = head.probabilities(text, language) if head is not None else None
        if head is None or found is None:
            return Judgement(language, 1 / 3, 1 / 3, 1 / 3, "unsure", 0.0, self.version)
        negative, neutral, positive = (float(one) for one in found)
        best = int(found.argmax())
        label: Label = (
            ("negative", "neutral", "positive")[best] if found[best] >= head.threshold else "unsure"
        )
        return Judgement(language, negative, neutral, positive, label, positive - negative, self.version)


def load_model(path: Path | None = None) -> SentimentModel:
    """The model of the file, the shipped one if none is given.

    Raises ModelError if the file is missing, damaged, or of another format.
    """
    file = path or SHIPPED
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ModelError(f"the sentiment model {file.name} is larger than {MAX_BYTES} bytes; {_RETRAIN}")
        content = file.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ModelError(f"the sentiment model {file} cannot be read: {reason}; {_RETRAIN}") from error
    arrays = _arrays(content, file.name)
    try:
        return SentimentModel(
            {one: _head(arrays, one) for one in _text(arrays["languages"]).split()}, _version(arrays)
        )
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise ModelError(f"the sentiment model {file.name} is damaged ({error}); {_RETRAIN}") from error


def _arrays(content: bytes, name: str) -> dict[str, Array]:
    """The file's arrays, compared with the digest among them."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (
        ValueError,
        OSError,
        EOFError,
        KeyError,
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise ModelError(
            f"the sentiment model {name} is damaged: it is no file of arrays; {_RETRAIN}"
        ) from error
    written = arrays.get("format")
    if written is None or written.size != 1 or written.dtype.kind not in "iu":
        raise ModelError(f"the sentiment model {name} is damaged: it names no format; {_RETRAIN}")
    if int(written.item()) != FORMAT:
        raise ModelError(
            f"the sentiment model {name} has format {int(written.item())}, not {FORMAT}; {_RETRAIN}"
        )
    digest = arrays.pop("digest", None)
    if digest is None or digest.tobytes() != digest_of(arrays):
        raise ModelError(f"the sentiment model {name} is damaged: its digest does not fit; {_RETRAIN}")
    return arrays


def digest_of(arrays: Mapping[str, Array]) -> bytes:
    """SHA-256 over the names, types, shapes and bytes of the arrays."""
    total = hashlib.sha256()
    for key in sorted(arrays):
        one = arrays[key]
        total.update(f"{key} {one.dtype.str} {one.shape}\n".encode())
        total.update(np.ascontiguousarray(one).tobytes())
    return total.digest()


def _version(arrays: Mapping[str, Array]) -> str:
    return f"{FORMAT}-{digest_of(arrays).hex()[:12]}"


def _text(array: Array) -> str:
    return array.tobytes().decode("utf-8")


def _head(arrays: Mapping[str, Array], language: str) -> _Head:
    names = _text(arrays[f"{language}_features"]).split("\n")
    weights = arrays[f"{language}_weights"].astype(np.float64) * float(arrays[f"{language}_step"])
    inverse = arrays[f"{language}_idf"].astype(np.float64)
    bias = arrays[f"{language}_bias"].astype(np.float64)
    if (
        weights.shape != (len(names), len(LABELS))
        or inverse.shape != (len(names),)
        or bias.shape != (len(LABELS),)
    ):
        raise ValueError(f"the arrays of {language} do not fit one another")
    return _Head(
        {name: place for place, name in enumerate(names)},
        inverse.tolist(),
        weights,
        bias,
        float(arrays[f"{language}_temperature"]),
        float(arrays[f"{language}_threshold"]),
    )
