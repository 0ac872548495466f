"""Which stocks a text is about, and why: cashtags, exchange prefixes, tickers, company names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from stock_analysis.sentiment import cues
from stock_analysis.sentiment.cleaning import Cleaned, clean, unaccented
from stock_analysis.sentiment.listings import Listing, Name, SymbolTable, is_word

_PREFIX = re.compile(
    r"(?i)(?<![\w.])(NYSE(?:\s?(?:American|Arca|MKT))?|NASDAQ(?:GS|GM|CM)?|AMEX|KRX|KOSPI|KOSDAQ|코스피|코스닥)\s?[:：]\s?"
    r"((?-i:[A-Z]{1,5}(?:[.-][A-Z])?)|\d{6})(?![\w])"
)
_CASHTAG = re.compile(r"(?<![\w$@/=?&.])\$([A-Za-z]{1,6}(?:[.-][A-Za-z]{1,2})?|\d{6})(?![\w$]|\.[a-z]{2})")
_TICKER = re.compile(r"(?<![\w$#@/.&'-])[A-Z]{1,5}(?:\.[A-Z])?(?![\w&/$]|'(?!s\b)|-\w)")
_LOWER_TICKER = re.compile(r"(?<![\w$#@/.&'-])[a-z]{4,5}(?![\w&'/$.-])")
_BEHIND_PAREN = re.compile(r"\(\s*(?:ticker:?\s*)?\$?([A-Z]{1,5}(?:\.[A-Z])?|\d{6})\s*\)")
_CODE = re.compile(r"(?<![\w.,:#-])(?<!\d[ -])(\d{6})(?:\.K[SQ])?(?![\w,.-]*\d|[원명주개])")
_PLACE = re.compile(r"(?<![0-9A-Za-z가-힣])[0-9A-Za-z가-힣\u4e00-\u9fff]")
_BEHIND_LATIN = re.compile(r"(?:'s|'(?=\s|\Z)|(?![\w'])|(?='\s))(?![&-]\w)")
_PARTICLES = (
    "은|는|이|가|을|를|의|에|에서|에게|한테|께서|와|과|랑|이랑|하고|도|만|로|으로|부터|까지|보다|보단|처럼|같은|나|이나|이라는|라는|이란|란|이며|며|이고|고"
    "|인데|이다|다|에도|에는|에선|에만|에서는|와는|과는|로는|으로는|로부터|에게는|만이|만은|까지도|조차|마저|이라도|라도|측은|측이|측|주가|주는|주를|주|우|그룹주"
)
_BEHIND_KOREAN = re.compile(rf"(?:{_PARTICLES})?(?![0-9A-Za-z가-힣])")
_UNITED_STATES = frozenset(("XNYS", "XNAS", "XASE", "ARCX", "BATS", "XCBO"))
_KOREA = frozenset(("XKRX", "XKOS", "XKON"))
_CAPITALS = 0.7
__all__ = ["MAX_MENTIONS", "Listing", "Mention", "SymbolTable", "find"]

MAX_MENTIONS = 200
"""Of one text; what names more is no text about a stock."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A place that names a stock. kind: cashtag, exchange, name or bare.

    [start, end): its place in the text as it was written.
    """

    symbol: str
    kind: str
    start: int
    end: int
    why: str


@dataclass(frozen=True, slots=True)
class _Reading:
    """A text while it is read. lowered: of the same length, without accents and capitals."""

    cleaned: Cleaned
    lowered: str
    table: SymbolTable
    day: date
    market: bool
    shouting: bool

    @property
    def text(self) -> str:
        return self.cleaned.text


def find(text: str, table: SymbolTable, at: datetime) -> list[Mention]:
    """The stocks that the text names, in the order of their places; each place once, MAX_MENTIONS at most.

    at: when it was written; only what was listed under its symbol then is found. Any text has an answer; the
    time that it takes grows with its length only.
    """
    cleaned = clean(text)
    plain = unaccented(cleaned.text)
    market = cues.MARKET.search(plain) is not None
    reading = _Reading(cleaned, _lowered(plain), table, at.date(), market, _shouting(plain))
    taken: list[Mention] = []
    covered = bytearray(len(plain))
    for found in (_cashtags(reading), _prefixed(reading), _named(reading)):
        _take(found, covered, taken, reading)
    symbols = {one.symbol for one in taken}
    _take(_bare_tickers(reading, symbols), covered, taken, reading)
    return sorted(taken, key=lambda one: one.start)[:MAX_MENTIONS]


def _lowered(text: str) -> str:
    """In small letters, of the same length."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(one.lower() if len(one.lower()) == 1 else one for one in text)


def _shouting(text: str) -> bool:
    letters = [one for one in text[:2000] if one.isascii() and one.isalpha()]
    return len(letters) > 12 and sum(one.isupper() for one in letters) > _CAPITALS * len(letters)


_Found = Iterator[tuple[str, str, int, int, str]]


def _take(found: _Found, covered: bytearray, taken: list[Mention], reading: _Reading) -> None:
    for symbol, kind, start, end, why in found:
        if any(covered[start:end]):
            continue
        covered[start:end] = b"\1" * (end - start)
        if symbol:
            first, last = reading.cleaned.span(start, end)
            taken.append(Mention(symbol, kind, first, last, why))


def _cashtags(reading: _Reading) -> _Found:
    for found in _CASHTAG.finditer(reading.text):
        written = found.group(1)
        if len(written) == 1 and written.islower():
            continue
        listing = reading.table.ticker(written.upper(), reading.day)
        end = found.end()
        if listing is None and written[-2:-1] in (".", "-"):
            listing, end = reading.table.ticker(written[:-2].upper(), reading.day), end - 2
        if listing is not None:
            yield listing.symbol, "cashtag", found.start(), end, f"cashtag ${written}"


def _prefixed(reading: _Reading) -> _Found:
    for found in _PREFIX.finditer(reading.text):
        korean = found.group(1).upper().startswith(("K", "코"))
        listing = reading.table.ticker(found.group(2), reading.day, _KOREA if korean else _UNITED_STATES)
        if listing is not None:
            yield (
                listing.symbol,
                "exchange",
                found.start(),
                found.end(),
                f"{found.group(1)} before {found.group(2)}",
            )


def _named(reading: _Reading) -> _Found:
    text = reading.text
    last = 0
    for place in _PLACE.finditer(text):
        start = place.start()
        if start < last:
            continue
        for name in reading.table.named(reading.lowered, start, reading.day):
            end = start + len(name.text)
            written = text[start:end]
            behind = _behind(written, text, end)
            if behind is None:
                continue
            last = end
            why = _name_counts(name, written, text, start, end, reading)
            yield (name.listing.symbol if why else ""), "name", start, end, why
            break


def _behind(written: str, text: str, end: int) -> int | None:
    """Where the name and its particle end, or None if the word goes on."""
    korean = "가" <= written[-1] <= "힣" or (end < len(text) and "가" <= text[end] <= "힣")
    if written[-1] >= "\u4e00" and not korean:
        return end
    found = (_BEHIND_KOREAN if korean else _BEHIND_LATIN).match(text, end)
    return found.end() if found else None


def _name_counts(name: Name, written: str, text: str, start: int, end: int, reading: _Reading) -> str:
    """Why the name means the company here; nothing if it does not."""
    lowered = written.lower()
    use = cues.ORDINARY_USE.get(lowered)
    if use is not None and use.match(text, end):
        return ""
    if lowered in cues.BROKERS and (
        cues.BROKER_BEHIND.match(text, end) or cues.BROKER_BEFORE.search(text, max(0, start - 80), start)
    ):
        return ""
    latin = written[0].isascii() and written[0].isalpha()
    if latin and name.text[0].isupper() and not written[0].isupper():
        if not name.sure or not reading.market or len(written) < 5 or " " in written:
            return ""
        return f"name {written}, and words of the market"
    if latin and 1 < len(name.text) < 4 and name.text.isupper() and not written.isupper():
        return ""
    if name.sure and not (latin and reading.shouting and len(written) < 5):
        return f"name {written}"
    if cues.ACTS.match(text, end):
        return f"name {written}, which acts as a company does"
    return f"name {written}, and words of the market" if reading.market else ""


def _bare_tickers(reading: _Reading, named: set[str]) -> _Found:
    text = reading.text
    for found in _BEHIND_PAREN.finditer(text):
        listing = reading.table.ticker(found.group(1), reading.day)
        sure = listing is not None and (
            listing.symbol in named or (not is_word(found.group(1)) and _after_name(text, found.start()))
        )
        if listing is not None and sure:
            yield (
                listing.symbol,
                "bare",
                found.start(1),
                found.end(1),
                f"{found.group(1)} in brackets behind a name",
            )
    yield from _codes(reading)
    group = [one for one in _TICKER.finditer(text) if reading.table.ticker(one.group(), reading.day)]
    plain = {one.group() for one in group if not is_word(one.group()) and len(one.group()) > 2}
    for index, one in enumerate(group):
        listing = reading.table.ticker(one.group(), reading.day)
        if listing is None:
            continue
        why = _ticker_counts(one, listing, reading, named, several=len(plain) > 1)
        if not why and index + 1 < len(group) and _joined(text, one.end(), group[index + 1].start()):
            following = group[index + 1]
            other = reading.table.ticker(following.group(), reading.day)
            if other is not None and _ticker_counts(following, other, reading, named, several=False):
                why = f"ticker {one.group()} beside {following.group()}"
        if why:
            yield listing.symbol, "bare", one.start(), one.end(), why
    yield from _lower_tickers(reading)


def _after_name(text: str, start: int) -> bool:
    """Whether a capitalised word stands before the bracket."""
    words = text[max(0, start - 40) : start].split()
    return bool(words) and words[-1][:1].isupper()


def _joined(text: str, end: int, start: int) -> bool:
    return text[end:start].strip(" ") in ("and", ",", "/", "&", "or", ", and", "vs", "vs.")


def _ticker_counts(
    found: re.Match[str], listing: Listing, reading: _Reading, named: set[str], *, several: bool
) -> str:
    ticker, text = found.group(), reading.text
    if listing.kind == "future":
        return (
            f"ticker {ticker} and its noun"
            if re.match(r"\s+futures?\b", text[found.end() : found.end() + 12])
            else ""
        )
    if listing.exchange in _KOREA and ticker.isdigit():
        return ""
    if len(ticker) == 1:
        if ticker in ("A", "I"):
            return ""
        if cues.SHORT_NOUN.match(text, found.end()) or (
            listing.symbol in named and cues.AFTER_TICKER.match(text, found.end())
        ):
            return f"ticker {ticker} and a noun of the market"
        return ""
    if listing.symbol in named:
        return f"ticker {ticker} beside its company's name"
    if reading.shouting and is_word(ticker):
        return ""
    if cues.AFTER_TICKER.match(text, found.end()) and not _sector(ticker, text, found.end()):
        return f"ticker {ticker} and words of the market behind it"
    if is_word(ticker) or len(ticker) < 3:
        return ""
    if (
        reading.market
        or several
        or cues.BEFORE_TICKER.search(text, max(0, found.start() - 30), found.start())
    ):
        return f"ticker {ticker}, and words of the market"
    return ""


def _sector(ticker: str, text: str, end: int) -> bool:
    """Whether the abbreviation means an industry or a place: AI stocks, IT shares, US options."""
    return ticker in ("AI", "IT", "EV", "US", "UK", "EU", "DD", "PM", "AM", "TV") and not re.match(
        r"\s+(?:stock|\()\b", text[end : end + 8]
    )


def _codes(reading: _Reading) -> _Found:
    for found in _CODE.finditer(reading.text):
        listing = reading.table.ticker(found.group(1), reading.day, _KOREA)
        if listing is not None and (found.group(1).startswith("0") or reading.market):
            yield listing.symbol, "bare", found.start(), found.end(), f"code {found.group(1)}"


def _lower_tickers(reading: _Reading) -> _Found:
    for found in _LOWER_TICKER.finditer(reading.text):
        ticker = found.group().upper()
        listing = None if is_word(ticker) else reading.table.ticker(ticker, reading.day)
        if listing is not None and reading.market:
            yield (
                listing.symbol,
                "bare",
                found.start(),
                found.end(),
                f"ticker {found.group()}, and words of the market",
            )
