"""Labelled texts: drawn from the grammars, hand-written, and read from public sets."""

import ast
import csv
import io
import random
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

from stock_analysis.sentiment.languages import language_of
from stock_analysis.sentiment.model import LABELS
from tools.measure_mentions import labelled

FOLDER = Path(__file__).parent
DRAWS = {"en": 8, "ko": 6}
"""From each sentence that has a choice in it."""
SEED = 7
RATED = 0.5
"""Mean rating, of -4 to 4, from which a rated text counts as positive or negative."""


class DataError(Exception):
    """A file is not the labelled set that it should be."""


@dataclass(frozen=True)
class Text:
    """label: 0 negative, 1 neutral, 2 positive. weight: in training."""

    text: str
    label: int
    weight: float = 1.0


def drawn(language: str) -> list[Text]:
    """What the grammar of the language yields: the same each time."""
    slots: dict[str, list[str]] = {}
    sentences: list[tuple[str, str]] = []
    section = ""
    for line in (FOLDER / f"grammar_{language}.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            if section == "slots":
                name, _, choices = line.partition(":")
                slots[name] = [one.strip() for one in choices.split("|")]
            else:
                sentences.append((section, line))
    chance = random.Random(SEED)  # noqa: S311 - draws training texts, no secrets
    found: dict[str, Text] = {}
    for label, sentence in sentences:
        draws = DRAWS[language] if "{" in sentence else 1
        for _ in range(draws):
            text = _filled(sentence, slots, chance)
            found.setdefault(text, Text(text, LABELS.index(label), draws**-0.5))
    return list(found.values())


def _filled(sentence: str, slots: dict[str, list[str]], chance: random.Random) -> str:
    while "{" in sentence:
        sentence = re.sub(r"\{(\w+)\}", lambda found: chance.choice(slots[found.group(1)]), sentence, count=1)
    sentence = sentence.replace("SYM", "$ABC").replace("NUM", str(chance.randint(2, 99)))
    return sentence.replace("PCT", f"{chance.randint(2, 40)}%")


def labelled_half(half: str, language: str) -> list[Text]:
    """The hand-written texts of the half in that language ("en" holds all that is not Korean)."""
    return [
        Text(one.text, LABELS.index(one.direction))
        for one in labelled(half)
        if one.korean == (language == "ko")
    ]


def _rows(path: Path, columns: set[str]) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not columns <= rows[0].keys():
        raise DataError(f"{path}: no CSV file with the columns {', '.join(sorted(columns))}")
    return rows


def sentfin(path: Path) -> list[Text]:
    """SEntFiN's headlines whose entities all have one sentiment."""
    found = []
    for number, row in enumerate(_rows(path, {"Title", "Decisions"}), 2):
        try:
            values = {str(one).lower() for one in dict(ast.literal_eval(row["Decisions"])).values()}
        except (ValueError, SyntaxError, TypeError) as error:
            raise DataError(f"{path}, row {number}: Decisions is no dictionary of entities") from error
        if not values <= set(LABELS):
            raise DataError(
                f"{path}, row {number}: unknown sentiment {', '.join(sorted(values - set(LABELS)))}"
            )
        if len(values) == 1:
            found.append(Text(row["Title"], LABELS.index(values.pop())))
    return found


def twitter(path: Path) -> list[Text]:
    """Twitter Financial News: 0 bearish, 1 bullish, 2 neutral."""
    meaning = {"0": 0, "1": 2, "2": 1}
    rows = _rows(path, {"text", "label"})
    wrong = [number for number, row in enumerate(rows, 2) if row["label"] not in meaning]
    if wrong:
        raise DataError(f"{path}, row {wrong[0]}: the label is none of 0, 1, 2")
    return [Text(row["text"], meaning[row["label"]]) for row in rows]


def vader_archive(path: Path) -> dict[str, list[Text]]:
    """The texts rated by people that the source archive of vaderSentiment holds; none is about stocks."""
    found: dict[str, list[Text]] = {}
    if not tarfile.is_tarfile(path):
        raise DataError(f"{path}: no source archive of vaderSentiment 3.3.2")
    with tarfile.open(path) as outer:
        inside = next(
            (one for one in outer.getmembers() if one.name.endswith("hutto_ICWSM_2014.tar.gz")), None
        )
        held = outer.extractfile(inside) if inside else None
        if held is None:
            raise DataError(f"{path}: no source archive of vaderSentiment 3.3.2")
        with tarfile.open(fileobj=io.BytesIO(held.read())) as inner:
            for member in inner.getmembers():
                file = inner.extractfile(member)
                if file is not None and member.name.endswith("_GroundTruth.txt"):
                    name = Path(member.name).name.removesuffix("_GroundTruth.txt")
                    found[f"rated, not about stocks: {name}"] = _rated(file.read().decode("utf-8", "replace"))
    return found


def _rated(content: str) -> list[Text]:
    rows = [line.split("\t") for line in content.splitlines()]
    texts = [
        Text(row[2], 1 + (float(row[1]) > RATED) - (float(row[1]) < -RATED)) for row in rows if len(row) > 2
    ]
    return [one for one in texts if language_of(one.text) == "en"]
