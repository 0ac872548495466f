"""The markets of the world, with the codes by which data vendors name them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files

from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.domain.instruments import Exchange

NEW_YORK, CRYPTO, CURRENCIES, GLOBEX = "XNYS", "CRYP", "FORX", "XCME"
"""CRYP and FORX are codes of our own: ISO 10383 has none for a market without an exchange."""


@dataclass(frozen=True, slots=True)
class Market:
    """An exchange with the codes by which data vendors name it behind a symbol."""

    exchange: Exchange
    yahoo: tuple[str, ...]
    bloomberg: tuple[str, ...]
    reuters: tuple[str, ...]

    @property
    def suffixes(self) -> frozenset[str]:
        """What may stand behind the last point of a symbol to name this market."""
        return frozenset((*self.yahoo, *self.reuters, *self.exchange.suffixes))


@dataclass(frozen=True, slots=True)
class Index:
    """An index by its symbol, and the market whose sessions it follows."""

    symbol: str
    name: str
    mic: str
    bloomberg: str
    reuters: str


@lru_cache(maxsize=1)
def markets() -> Mapping[str, Market]:
    """All shipped markets by MIC."""
    return {row["mic"]: _market(row) for row in _table("markets.tsv")}


@lru_cache(maxsize=1)
def indices() -> Mapping[str, Index]:
    """The known indices by symbol."""
    return {row["symbol"]: Index(**row) for row in _table("indices.tsv")}


def _table(name: str) -> list[dict[str, str]]:
    head, *lines = files("stock_analysis.domain").joinpath(name).read_text(encoding="utf-8").splitlines()
    return [dict(zip(head.split("\t"), line.split("\t"), strict=True)) for line in lines]


def _market(row: Mapping[str, str]) -> Market:
    opens, _, closes = row["extended"].partition("-")
    exchange = Exchange(
        row["mic"],
        row["name"],
        row["calendar"],
        row["timezone"],
        row["currency"],
        time.fromisoformat(opens) if opens else None,
        time.fromisoformat(closes) if closes else None,
    )
    codes = (tuple(row[vendor].split()) for vendor in ("yahoo", "bloomberg", "reuters"))
    return Market(exchange, *codes)


def check_exchange(mic: str, known: Mapping[str, Exchange]) -> str:
    """The code of a known exchange, in any case. Raises InvalidInputError with the nearest ones."""
    code = mic.strip().upper()
    if code in known:
        return code
    named = {one.name.upper(): one.mic for one in known.values()}
    near = [
        *get_close_matches(code, known, 3, 0.5),
        *(named[one] for one in get_close_matches(code, named, 2, 0.5)),
    ]
    nearest = ", ".join(f"{one} ({known[one].name})" for one in dict.fromkeys(near))
    hint = f"; do you mean {nearest}?" if nearest else ""
    raise InvalidInputError(
        f"no exchange {mic[:20]!r} is known{hint} `stock-analysis exchange list` shows all"
    )
