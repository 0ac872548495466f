"""Instruments and corporate actions as files list them."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from stock_analysis.domain.actions import CorporateAction, read_action
from stock_analysis.domain.currencies import parse_currency
from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.domain.instruments import Instrument, parse_symbol
from stock_analysis.ingest.cells import parsed_symbol
from stock_analysis.ingest.files import FileOptions, fingerprint
from stock_analysis.ingest.rows import Rejected
from stock_analysis.ingest.tables import SYMBOL_WORDS, find_columns, open_table
from stock_analysis.kit.terminal import printable

KINDS = ("stock", "etf", "index", "future", "currency", "crypto")
_ACTION_SYNONYMS = {
    "symbol": SYMBOL_WORDS,
    "ex_date": ("ex_date", "ex date", "exdate", "date", "날짜", "일자"),
    "kind": ("kind", "type", "action"),
    "value": ("value", "ratio", "amount"),
    "source": ("source",),
    "unit": ("unit",),
    "price": ("price", "subscription price", "subscription_price"),
}
_INSTRUMENT_SYNONYMS = {
    "symbol": SYMBOL_WORDS,
    "name": ("name", "종목명"),
    "exchange": ("exchange", "mic", "market"),
    "currency": ("currency",),
    "kind": ("kind", "type"),
}


def read_instruments(path: Path) -> list[Instrument]:
    """The instruments that a file lists. Raises InvalidInputError."""
    wanted = ("symbol", "exchange", "currency")
    return [_instrument(row, path) for _, row in _read_all(path, _INSTRUMENT_SYNONYMS, wanted)]


def _instrument(row: dict[str, object], path: Path) -> Instrument:
    symbol = parse_symbol(str(row["symbol"]))
    kind = str(row.get("kind") or "stock").lower()
    if kind not in KINDS:
        what, known = printable(kind), ", ".join(KINDS)
        raise InvalidInputError(f"{path.name}: {symbol} is {what!r}; the kinds are {known}")
    try:
        currency = parse_currency(str(row["currency"]))
    except InvalidInputError as error:
        raise InvalidInputError(f"{path.name}: {symbol}: {error}") from error
    return Instrument(symbol, str(row.get("name") or symbol), str(row["exchange"]).upper(), currency, kind)


def read_actions(path: Path) -> tuple[bytes, list[tuple[str, CorporateAction]], list[Rejected]]:
    """The fingerprint of a file of corporate actions, its actions by symbol, and the rows that are none."""
    found: list[tuple[str, CorporateAction]] = []
    rejected: list[Rejected] = []
    for number, row in _read_all(path, _ACTION_SYNONYMS, ("symbol", "ex_date", "kind", "value")):
        try:
            found.append(parse_action(row, path.name))
        except (InvalidInputError, ValueError):
            rejected.append(Rejected(number, parsed_symbol(str(row["symbol"])), None, row, ["unparsable"]))
    return fingerprint(path, FileOptions()), found, rejected


def parse_action(row: dict[str, object], source: str) -> tuple[str, CorporateAction]:
    """A row of a file of corporate actions. Raises InvalidInputError, or ValueError, if it is none."""
    when = row["ex_date"]
    ex_date = when if isinstance(when, date) else date.fromisoformat(str(when)[:10])
    return parse_symbol(str(row["symbol"])), read_action(
        ex_date,
        str(row["kind"]),
        str(row["value"]),
        str(row.get("source") or source),
        unit=str(row.get("unit") or ""),
        price=str(row.get("price") or ""),
    )


def _read_all(
    path: Path, synonyms: dict[str, tuple[str, ...]], required: Sequence[str]
) -> Iterator[tuple[int, dict[str, object]]]:
    """The rows of a small file with their numbers, by column."""
    table = open_table(path, None)
    columns = find_columns(table.names, synonyms, required, path)
    for chunk in table.chunks(columns):
        for row, number in enumerate(chunk.number.tolist()):
            yield number, {name: cells[row].as_py() for name, cells in chunk.cells.items()}
