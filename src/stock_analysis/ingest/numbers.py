"""Cells as they stand in files, to numbers; what cannot be read is marked, never guessed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import numpy as np

from stock_analysis.domain.bars import BoolArray, FloatArray, IntArray

DecimalMark = Literal["point", "comma"]

NOTHING = frozenset({"", "-", "--", ".", "na", "n/a", "#n/a", "nan", "null", "none"})
"""How files write that a value is missing, in lower case."""

_UNITS = {
    "thousand": 3,
    "k": 3,
    "천": 3,
    "만": 4,
    "million": 6,
    "mn": 6,
    "m": 6,
    "백만": 6,
    "억": 8,
    "billion": 9,
    "bn": 9,
    "b": 9,
    "tn": 12,
    "t": 12,
    "조": 12,
}
"""Powers of ten by the words and letters that stand for them, in lower case."""

_SIGNS = (
    r"(?:[A-Z]{0,3}[$\u20a0-\u20bf£¥¢]|USD|EUR|GBP|KRW|JPY|CNY|HKD|INR|CHF|CAD|AUD"
    r"|kr\.?|zł|Rs\.?|Fr\.?|원|円|元)"
)
_CURRENCY = re.compile(rf"^([+-]?)\s*{_SIGNS}\s*([+-]?)|\s*{_SIGNS}$")
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:([,'\u2019 \u00a0\u2009\u202f])\d{3}(?:\1\d{3})*)(\.\d*)?")
_INDIAN = re.compile(r"[+-]?[1-9]\d?(,\d{2})+,\d{3}(\.\d*)?")
_GROUP_MARKS = re.compile("[,'\u2019 \u00a0\u2009\u202f]")
_WITH_UNITS = re.compile(
    "(.*?)(" + "|".join(sorted(_UNITS, key=len, reverse=True)) + r")\s*(?![a-z])", re.IGNORECASE
)
_SWAPPED = str.maketrans(",.", ".,")
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_MINUS = str.maketrans("\u2212\u2013", "--")


def read_numbers(cells: Any, mark: DecimalMark | None = "point") -> tuple[FloatArray, BoolArray]:
    """The numbers in an Arrow column, NaN where there is none, and which cells are unreadable.

    mark: what stands before the decimals in text; the other mark parts thousands. None = a point, but one
    comma that may be either is unreadable.
    """
    import pyarrow as pa

    if not is_text(cells.type):
        values = cells.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return np.asarray(values, np.float64), np.zeros(len(cells), np.bool_)
    if mark == "comma":  # to the cast, 12.345 would be a number
        return _by_distinct(cells, lambda text: parse_number(text, mark))
    try:
        values = cells.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return _by_distinct(cells, lambda text: parse_number(text, mark))
    return np.asarray(values, np.float64), np.zeros(len(cells), np.bool_)


def parse_number(text: str, mark: DecimalMark | None = "point") -> float | None:
    """The number in a cell, NaN for nothing, None if it is neither.

    Understood are currency signs ($1,234, 1.234 €), digits in groups (1,234 1'234 1 234 12,34,567), units
    (12.3M, 1.2조, 3억 4,500만) and parentheses for a minus.
    """
    text = text.strip()
    plain = parse_plain_number(text) if mark != "comma" else None
    if plain is not None:
        return plain
    if text.lower() in NOTHING:
        return np.nan
    if mark is None and "," in text and parse_number(text, "comma") is not None:
        return None
    text = _CURRENCY.sub(r"\1\2", text.translate(_MINUS))
    if text.startswith("(") and text.endswith(")"):
        text = f"-{text[1:-1]}"
    text = _CURRENCY.sub(r"\1\2", text).strip()
    found = _with_units(text.translate(_SWAPPED) if mark == "comma" else text)
    return None if found is None else float(found)


def parse_plain_number(text: str) -> float | None:
    """The number in a text like 1234.5, NaN for nothing, None if it is neither."""
    text = text.strip()
    if text.lower() in NOTHING:
        return np.nan
    if _PLAIN.fullmatch(text) or _INFINITE.fullmatch(text):
        return float(text)
    return None


def _with_units(text: str) -> Decimal | None:
    """A number with units behind its parts, the greatest first: 12.3M, 1조 2,345억 678; or without any."""
    parts = _WITH_UNITS.findall(text)
    rest = _WITH_UNITS.sub("", text).strip()
    if not parts:
        return _whole(text)
    units = [unit.lower() for _, unit in parts]
    powers = [_UNITS[unit] for unit in units]
    total = _whole(rest) if rest else Decimal(0)
    if total is None or powers != sorted(set(powers), reverse=True) or (rest and units[-1].isascii()):
        return None
    for number, power in zip((number for number, _ in parts), powers, strict=True):
        value = _whole(number.strip())
        if value is None:
            return None
        total += value.copy_abs().scaleb(power)
    return -total if text.startswith("-") else total


def _whole(text: str) -> Decimal | None:
    """A number with a decimal point and perhaps groups of digits."""
    if _GROUPED.fullmatch(text) or _INDIAN.fullmatch(text):
        text = _GROUP_MARKS.sub("", text)
    return Decimal(text) if _PLAIN.fullmatch(text) else None


@dataclass(frozen=True, slots=True)
class MarksSeen:
    """Of the numbers in some texts, one that is none without the decimal mark named, None if all could be.

    either: one like 1,234, which may be 1234 or 1.234; dotted: the same with a point. ungrouped: a whole one
    like 1234, whose thousands no mark parts.
    """

    point: str | None
    comma: str | None
    either: str | None
    dotted: str | None
    ungrouped: str | None


def marks_seen(texts: Iterable[str]) -> MarksSeen:
    """What these cells tell of the decimal mark of their file."""
    found: dict[str, str] = {}
    for text in set(texts):
        if text.isdigit() or not ("," in text or "." in text):
            if text.isdigit() and len(text) > 3:
                found["ungrouped"] = min(text, found.get("ungrouped", text))
            continue
        readable = parse_number(text, "point") is not None, parse_number(text, "comma") is not None
        if readable == (True, True):
            kind = "either" if "," in text else "dotted"
            found[kind] = min(text, found.get(kind, text))
        elif readable in {(True, False), (False, True)}:
            mark = "point" if readable[0] else "comma"
            found[mark] = min(text, found.get(mark, text))
    names = ("point", "comma", "either", "dotted", "ungrouped")
    return MarksSeen(**{name: found.get(name) for name in names})


def _by_distinct(cells: Any, read: Any) -> tuple[FloatArray, BoolArray]:
    """Read each different text once; None becomes NaN and is marked, a null is NaN only."""
    distinct, place, null = distinct_cells(cells)
    found = [read(text) for text in distinct]
    values = np.array([*(np.nan if one is None else one for one in found), np.nan])[place]
    unreadable = np.array([*(one is None for one in found), False])[place]
    return values, unreadable & ~null


def distinct_cells(cells: Any) -> tuple[list[str], IntArray, BoolArray]:
    """The different texts of an Arrow column, the place of each cell among them, and which cells are null."""
    encoded = cells.dictionary_encode()
    encoded = encoded.combine_chunks() if hasattr(encoded, "combine_chunks") else encoded
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return encoded.dictionary.to_pylist(), codes, codes < 0


def is_text(kind: Any) -> bool:
    """Whether an Arrow column of this type holds text."""
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
