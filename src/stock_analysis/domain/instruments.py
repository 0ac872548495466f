"""Instruments and the exchanges that list them."""

import re
from dataclasses import dataclass
from datetime import time

from stock_analysis.domain.calendars import Changes
from stock_analysis.domain.errors import InvalidInputError

_SYMBOL = re.compile(r"(?=.{1,32}\Z)\^?[A-Z0-9][A-Z0-9.^=_-]*")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A market: ISO 10383 code, calendar (see load_calendar), IANA time zone, ISO 4217 currency.

    extended_opens, extended_closes: when trading before the sessions begins and after them ends, on the
    exchange's clock; None = there is none. suffixes: of symbols that name this market, beside those shipped.
    changes: the users' corrections of the calendar.
    """

    mic: str
    name: str
    calendar: str
    timezone: str
    currency: str
    extended_opens: time | None = None
    extended_closes: time | None = None
    suffixes: tuple[str, ...] = ()
    changes: Changes = ()


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

    Raises InvalidInputError if it is not 1 to 32 of A-Z 0-9 . ^ = _ - beginning with a letter or digit,
    or with ^ before one (an index).
    """
    symbol = text.strip().upper()
    if not _SYMBOL.fullmatch(symbol):
        raise InvalidInputError(f"{text[:40]!r} is not a symbol: 1 to 32 of A-Z 0-9 . ^ = _ -")
    return symbol
