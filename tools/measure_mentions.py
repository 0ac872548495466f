"""How well texts are matched with stocks: precision and recall on the labelled sets of tests/data/sentiment.

.venv/bin/python -m tools.measure_mentions            # the half that the rules were tuned on
.venv/bin/python -m tools.measure_mentions --unseen   # the half that was written before the rules
.venv/bin/python -m tools.measure_mentions --errors   # with each text that came out wrong
"""

import argparse
import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from stock_analysis.sentiment.listings import Listing, SymbolTable
from stock_analysis.sentiment.symbols import find

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "tests" / "data" / "sentiment"


@dataclass(frozen=True)
class Labelled:
    at: datetime
    symbols: frozenset[str]
    direction: str
    text: str

    @property
    def korean(self) -> bool:
        return any("가" <= one <= "힣" for one in self.text)


@dataclass
class Count:
    right: int = 0
    wrong: int = 0
    missed: int = 0

    def add(self, expected: frozenset[str], found: frozenset[str]) -> None:
        self.right += len(expected & found)
        self.wrong += len(found - expected)
        self.missed += len(expected - found)

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.right + self.missed)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def labelled(half: str) -> list[Labelled]:
    """The texts of one half, "seen" or "unseen"."""
    return [
        Labelled(
            datetime.fromisoformat(row["at"]).replace(tzinfo=UTC),
            frozenset() if row["symbols"] == "-" else frozenset(row["symbols"].split()),
            row["direction"],
            json.loads('"' + row["text"].replace('"', '\\"') + '"'),
        )
        for row in _rows(FOLDER / f"mentions_{half}.tsv")
    ]


def _day(text: str) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def table() -> SymbolTable:
    """The sample's 528 instruments, and those of listings.tsv in the place of what bears the same symbol."""
    listings: dict[str, Listing] = {}
    with (ROOT / "tools" / "sample_instruments.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            listings[row["symbol"]] = Listing(row["symbol"], row["exchange"], (row["name"],), row["kind"])
    for row in _rows(FOLDER / "listings.tsv"):
        since, until = _day(row["since"]), _day(row["until"])
        listings[row["symbol"]] = Listing(
            row["symbol"],
            row["exchange"],
            (row["name"],),
            "stock",
            since and since.date(),
            until and until.date(),
        )
    return SymbolTable(listings.values())


def outcomes(half: str) -> Iterator[tuple[Labelled, frozenset[str]]]:
    known = table()
    for one in labelled(half):
        yield one, frozenset(mention.symbol for mention in find(one.text, known, one.at))


def main() -> None:
    parser = argparse.ArgumentParser(description="Precision and recall of the stocks that texts are about.")
    parser.add_argument("--unseen", action="store_true", help="the half that the rules were not tuned on")
    parser.add_argument("--errors", action="store_true", help="print each text that came out wrong")
    arguments = parser.parse_args()
    counts = {name: Count() for name in ("all", "English and others", "Korean")}
    texts = 0
    for one, found in outcomes("unseen" if arguments.unseen else "seen"):
        texts += 1
        for name in ("all", "Korean" if one.korean else "English and others"):
            counts[name].add(one.symbols, found)
        if arguments.errors and found != one.symbols:
            print(f"expected {sorted(one.symbols)} found {sorted(found)}: {one.text!r}")
    print(f"{texts} texts, half {'unseen' if arguments.unseen else 'seen'}")
    for name, count in counts.items():
        print(f"{name:20} precision {count.precision:.3f}  recall {count.recall:.3f}  "
              f"(right {count.right}, wrong {count.wrong}, missed {count.missed})")  # fmt: skip


if __name__ == "__main__":
    main()
