"""Listings, and the names under which texts know them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

from stock_analysis.sentiment.cleaning import unaccented

_LEGAL_FORMS = r"corporation|corp\.?|incorporated|inc\.?|limited|ltd\.?|plc|class [a-c]|& company|& co\.?"
_LOOSE_FORMS = (
    r"company|companies|co\.?|n\.v\.|s\.a\.|ag|se|group|holdings?|platforms|technologies|motor|systems|stores"
    r"|worldwide|international"
)
_FORM = re.compile(rf"(?i)(?:,?\s+(?:{_LEGAL_FORMS}|{_LOOSE_FORMS}))+\s*\Z")
_LEGAL = re.compile(rf"(?i)(?:,?\s+(?:{_LEGAL_FORMS}))+\s*\Z")
_KEPT_WHOLE = frozenset(
    (
        "Southern Company",
        "Ball Corporation",
        "Gap",
        "Target Corporation",
        "Coach",
        "Public Storage",
        "Genuine Parts",
        "Waters Corporation",
        "Pall Corporation",
        "Apache Corporation",
        "Discover Financial",
        "General Mills",
        "First Solar",
        "Best Buy",
        "Family Dollar",
        "Union Pacific",
        "Limited Brands",
    )
)
"""Names whose legal form tells them from words."""


@dataclass(frozen=True, slots=True)
class Listing:
    """An instrument as texts may name it. exchange: MIC. since, until: first and last day of this symbol."""

    symbol: str
    exchange: str
    names: tuple[str, ...] = ()
    kind: str = "stock"
    since: date | None = None
    until: date | None = None

    def on(self, day: date) -> bool:
        """Whether it bore this symbol then."""
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True)
class Name:
    """A name or ticker of a listing. sure: it means the company wherever it stands."""

    text: str
    listing: Listing
    sure: bool
    since: date | None = None
    until: date | None = None

    def on(self, day: date) -> bool:
        """Whether it was the company's name then."""
        fits = (self.since is None or self.since <= day) and (self.until is None or day <= self.until)
        return fits and self.listing.on(day)


class SymbolTable:
    """What is listed when, under which symbols and names.

    Beside the names of the instruments it knows the usual other ones of them (names.tsv).
    """

    def __init__(self, listings: Iterable[Listing]) -> None:
        self._tickers: dict[str, list[Name]] = {}
        self._names: dict[str, list[Name]] = {}
        by_symbol: dict[str, Listing] = {}
        for one in listings:
            by_symbol[one.symbol] = one
            self._add_ticker(_bare(one.symbol), Name(one.symbol, one, sure=True))
            for name in dict.fromkeys(form for written in one.names for form in _forms(written)):
                self._add_name(Name(name, one, _is_distinct(name)))
        for symbol, kind, name, since, until in _shipped():
            if symbol in by_symbol:
                entry = Name(name, by_symbol[symbol], kind != "cue", since, until)
                if kind == "ticker":
                    self._add_ticker(name, entry)
                else:
                    self._add_name(entry)
        for found in self._names.values():
            found.sort(key=lambda one: (-len(one.text), not one.sure))

    def _add_ticker(self, ticker: str, entry: Name) -> None:
        self._tickers.setdefault(ticker, []).append(entry)

    def _add_name(self, entry: Name) -> None:
        key = unaccented(entry.text).lower()[:2]
        known = self._names.setdefault(key, [])
        if not any(one.text.lower() == entry.text.lower() and one.listing == entry.listing for one in known):
            known.append(entry)

    def ticker(self, text: str, day: date, markets: frozenset[str] = frozenset()) -> Listing | None:
        """What bears this ticker (class shares with . or -) on that day, on one of these markets if any."""
        for form in (text, text.replace("-", "."), text.replace(".", "-")):
            for one in self._tickers.get(form, ()):
                if one.on(day) and (not markets or one.listing.exchange in markets):
                    return one.listing
        return None

    def named(self, lowered: str, start: int, day: date) -> Iterator[Name]:
        """The names that begin there, the longest first. lowered: the text without accents and capitals."""
        for one in self._names.get(lowered[start : start + 2], ()):
            if lowered.startswith(unaccented(one.text).lower(), start) and one.on(day):
                yield one


def _bare(symbol: str) -> str:
    """AAPL of AAPL.O and 005930 of 005930.KS, but BRK.B of BRK.B."""
    head, mark, tail = symbol.partition(".")
    return head if mark and (len(tail) > 1 or head.isdigit()) else symbol


def _forms(written: str) -> Iterator[str]:
    """A name as it stands, without its legal form, and, in brackets, the Korean one."""
    for inner in re.findall(r"\(([^()]*)\)?", written):
        if re.search(r"[가-힣]", inner):
            yield inner.strip()
    name = re.sub(r"\s*\([^()]*(?:\)|\Z)", "", written).strip().strip('"')
    if not name:
        return
    yield name
    short = _LEGAL.sub("", name)
    if name not in _KEPT_WHOLE or short in ("Target", "Gap", "Coach"):
        yield short
        shorter = _FORM.sub("", name)
        if len(shorter.split()) > 1 or (len(shorter) > 3 and not is_word(shorter)):
            yield shorter
        if shorter.endswith(".com"):
            yield shorter.removesuffix(".com")


def is_word(name: str) -> bool:
    """Whether people write it in capitals without meaning the company."""
    return name.upper() in _words() or name.lower() in _name_words()


def _is_distinct(name: str) -> bool:
    """Whether the name alone is enough: it is no ordinary word, and no abbreviation of two letters."""
    return not is_word(name) and len(name) > 2


def _listed(file: str) -> frozenset[str]:
    text = files(__package__).joinpath(file).read_text("utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


@cache
def _words() -> frozenset[str]:
    return _listed("words.txt")


@cache
def _name_words() -> frozenset[str]:
    return _listed("name_words.txt")


@cache
def _shipped() -> Sequence[tuple[str, str, str, date | None, date | None]]:
    lines = files(__package__).joinpath("names.tsv").read_text("utf-8").splitlines()[1:]
    return [
        (symbol, kind, name, _day(since), _day(until))
        for symbol, kind, name, since, until in (line.split("\t") for line in lines)
    ]


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def listings_of(instruments: Iterable[Mapping[str, str]]) -> Iterator[Listing]:
    """Listings from rows with symbol, exchange, name and kind, as the platform stores them."""
    for row in instruments:
        yield Listing(row["symbol"], row["exchange"], (row["name"],), row.get("kind", "stock"))
