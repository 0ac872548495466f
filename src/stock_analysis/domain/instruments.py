"""Instruments and the exchanges that list them."""

import re
from dataclasses import dataclass

from stock_analysis.domain.errors import InvalidInputError

_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9.^=_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A market: ISO 10383 code, calendar of exchange_calendars, IANA time zone, ISO 4217 currency."""

    mic: str
    name: str
    calendar: str
    timezone: str
    currency: str


@dataclass(frozen=True, slots=True)
class Instrument:
    """Something that is traded: exchange is the market's ISO 10383 code."""

    symbol: str
    name: str
    exchange: str
    currency: str
    kind: str = "stock"


def parse_symbol(text: str) -> str:
    """The symbol in its stored form, upper case.

    Raises InvalidInputError if it is not 1 to 32 of A-Z 0-9 . ^ = _ - beginning with a letter or digit.
    """
    symbol = text.strip().upper()
    if not _SYMBOL.fullmatch(symbol):
        raise InvalidInputError(f"{text[:40]!r} is not a symbol: 1 to 32 of A-Z 0-9 . ^ = _ -")
    return symbol
