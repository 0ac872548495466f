"""The first lines of a text file: where its header stands, and what stands before it."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LINES_LOOKED_AT = 40
DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a table in text. last_line: its 0-based line. skipped: the lines before it."""

    names: list[str]
    delimiter: str
    last_line: int
    skipped: list[str]


def find_header(lines: Sequence[str], is_header: Callable[[Sequence[str]], bool]) -> Header | None:
    """The first line that is_header knows, else the first that may be one; None if no line is a table.

    Known on the way: a `sep=;` line of spreadsheets, titles, and the three header lines that yfinance writes.
    """
    said = next((one for one in map(_separator, lines[:1]) if one), None)
    first: Header | None = None
    for number, line in enumerate(lines):
        delimiter = said or _most_frequent(line)
        if not line.strip() or (number == 0 and said) or delimiter is None:
            continue
        names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter))]
        found = Header(names, delimiter, number, [one.strip() for one in lines[:number] if one.strip()])
        first = first or found
        if is_header(names):
            return _with_levels(found, lines)
    return first


def _separator(line: str) -> str | None:
    text = line.strip().strip('"')
    if text.lower().startswith("sep=") and len(text) <= len("sep=") + 1:
        return text[len("sep=") :] or "\t"
    return None


def _most_frequent(line: str) -> str | None:
    best = max(DELIMITERS, key=line.count)
    return best if best in line else None


def _with_levels(header: Header, lines: Sequence[str]) -> Header:
    """Of `Price,Close,... / Ticker,AAPL,... / Date,,...`, the header that is meant."""
    below = [line.split(header.delimiter) for line in lines[header.last_line + 1 : header.last_line + 3]]
    is_known = len(below) == 2 and header.names[0] == "Price" and below[0][0] == "Ticker"
    if not is_known or any(cell.strip() for cell in below[1][1:]):
        return header
    names = [below[1][0].strip(), *header.names[1:]]
    return Header(names, header.delimiter, header.last_line + 2, header.skipped)
