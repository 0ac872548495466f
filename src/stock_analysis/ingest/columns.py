"""Which column of a file is what; what may be a volume and is not understood is a question."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.ingest.forms import (
    HEADINGS,
    MONEY_CODES,
    MONEY_HEADINGS,
    REQUIRED,
    VOLUME_LIKE,
    Form,
    form_of,
)
from stock_analysis.ingest.tables import find_columns, plain_heading
from stock_analysis.kit.terminal import printable

NOTHING = "none"
_IN_CODE = re.compile(r"(?:volume|vol\.?)\s*[(\[]?([a-z]{2,6})[)\]]?")


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each known column stands, which headings are ignored, and the form, if it is a known one.

    given: the columns that the user named. money: headings of turnover, which is no volume.
    """

    places: dict[str, int]
    ignored: list[str]
    money: list[str]
    form: Form | None
    given: frozenset[str]


def is_header(names: Sequence[str]) -> bool:
    """Whether these cells name at least a time and two prices."""
    plain = {plain_heading(name) for name in names}
    found = {column for column, words in HEADINGS.items() if plain & {plain_heading(word) for word in words}}
    return len(found & {"open", "high", "low", "close"}) >= 2


def find_price_columns(
    names: Sequence[str], path: Path, said: Mapping[str, str], symbol: str | None
) -> Columns:
    """The columns of a file of bars. said: columns the user named, by heading or "none".

    Raises InvalidInputError where a column is missing, or one may be a volume and is not understood.
    """
    names = _with_index(names)
    chosen = {column: _place(names, column, heading, path) for column, heading in said.items()}
    others = {column: words for column, words in HEADINGS.items() if column not in chosen}
    needed = [column for column in REQUIRED if column not in chosen]
    places = find_columns(names, others, needed, path)
    places |= {column: place for column, place in chosen.items() if place is not None}
    if places.get("clock") == places["when"]:
        del places["clock"]
    rest = [
        (place, name) for place, name in enumerate(names) if place not in places.values() and name.strip()
    ]
    money = [name for _, name in rest if _is_money(name, symbol)]
    if "volume" not in places and "volume" not in chosen:
        _look_for_volume(places, rest, money, path, symbol)
    ignored = [name for place, name in rest if place not in places.values()]
    return Columns(places, ignored, money, form_of(names), frozenset(chosen))


def _with_index(names: Sequence[str]) -> list[str]:
    """With the name that pandas leaves out in front of the dates."""
    first = plain_heading(names[0]) if names else ""
    times = {plain_heading(word) for word in HEADINGS["when"]}
    if first in {"", "unnamed: 0", "index"} and not times & {plain_heading(name) for name in names[1:]}:
        return ["date", *names[1:]]
    return list(names)


def _place(names: Sequence[str], column: str, heading: str, path: Path) -> int | None:
    if column not in HEADINGS:
        raise InvalidInputError(f"no column is called {column!r}; there are {', '.join(HEADINGS)}")
    if heading.lower() == NOTHING and column not in REQUIRED:
        return None
    plain = [plain_heading(name) for name in names]
    if plain_heading(heading) not in plain:
        listed = printable(", ".join(names), 200)
        raise InvalidInputError(f"{path.name} has no column {heading!r}; its header says: {listed}")
    return plain.index(plain_heading(heading))


def _look_for_volume(
    places: dict[str, int],
    rest: Sequence[tuple[int, str]],
    money: Sequence[str],
    path: Path,
    symbol: str | None,
) -> None:
    own = [place for place, name in rest if _code(name) and _is_own(name, symbol)]
    if len(own) == 1:
        places["volume"] = own[0]
        return
    maybe = [name for _, name in rest if re.search(VOLUME_LIKE, name.lower()) or name in money]
    if maybe:
        why = "is money, not shares" if maybe[0] in money else "may be the volume or not"
        raise InvalidInputError(
            f"{path.name} has no column that is surely the volume; {printable(maybe[0])!r} {why}: "
            f'say --column "volume={printable(maybe[0])}", or --column volume=none for a file without volumes'
        )


def _is_money(name: str, symbol: str | None) -> bool:
    code = _code(name)
    if code:
        return code in MONEY_CODES and not _is_own(name, symbol)
    return plain_heading(name) in MONEY_HEADINGS


def _is_own(name: str, symbol: str | None) -> bool:
    """Whether a volume counts what the symbol begins with, as `Volume BTC` of BTC-USD."""
    code = _code(name)
    return bool(code and symbol and symbol.lower().startswith(code))


def _code(name: str) -> str | None:
    match = _IN_CODE.fullmatch(plain_heading(name))
    return match[1] if match and match[1] not in {"shares", "traded"} else None
