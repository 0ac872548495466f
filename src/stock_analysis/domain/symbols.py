"""Which market lists a symbol: what its suffix or its form says, or a question."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from stock_analysis.domain.instruments import Exchange, parse_symbol
from stock_analysis.domain.markets import CRYPTO, CURRENCIES, GLOBEX, NEW_YORK, indices, markets

_FIAT_CODES = (
    "AED ARS AUD BGN BHD BRL CAD CHF CLP CNH CNY COP CZK DKK EGP EUR GBP HKD HUF IDR "
    "ILS INR ISK JOD JPY KRW KWD KZT LKR MAD MXN MYR NGN NOK NZD OMR PEN PHP PKR PLN "
    "QAR RON RSD RUB SAR SEK SGD THB TRY TWD UAH USD UYU VND XAF XAG XAU XOF XPD XPT "
    "ZAR"
)
FIAT = frozenset(_FIAT_CODES.split())
_QUOTES = frozenset(("USD", "EUR", "GBP", "JPY", "KRW", "AUD", "CAD", "CHF", "BRL", "TRY", "INR"))
_DOLLAR_COINS = frozenset(("USDT", "USDC", "BUSD", "FDUSD", "DAI", "TUSD"))
_COINS = _DOLLAR_COINS | {"BTC", "ETH", "BNB"}
_QUOTED_IN_DOLLARS = frozenset(("EUR", "GBP", "AUD", "NZD"))
_TWO_COINS = re.compile(r"([A-Z0-9]{2,10})(USDT|USDC|BUSD|FDUSD)")
_ABBREVIATIONS = {
    "NYSE": "XNYS",
    "NASDAQ": "XNAS",
    "TSX": "XTSE",
    "LSE": "XLON",
    "NSE": "XNSE",
    "BSE": "XBOM",
    "ASX": "XASX",
    "KRX": "XKRX",
    "KOSPI": "XKRX",
    "KOSDAQ": "XKOS",
    "JPX": "XTKS",
    "TSE": "XTKS",
    "HKEX": "XHKG",
    "SSE": "XSHG",
    "SZSE": "XSHE",
    "SGX": "XSES",
    "SIX": "XSWX",
    "JSE": "XJSE",
    "TASE": "XTAE",
    "MOEX": "XMOS",
}
"""What people call exchanges: good for an answer to a question, too loose to name one."""

_CLASS = re.compile(r"[A-Z]{1,5}[.-](?:[ABCURW]|P[A-Z]|WS|WT|WI|UN|RT)")
_FUTURE_MONTH = re.compile(r"[A-Z0-9]{1,3}[FGHJKMNQUVXZ]\d{2}")
_FUTURE_ROOTS = {
    "XCME": "ES MES NQ MNQ RTY M2K NKD 6A 6B 6C 6E 6J 6M 6N 6S BTC MBT ETH MET LE GF HE DC",
    "XCBT": "ZB ZN ZF ZT UB TN ZC ZS ZW ZM ZL ZO ZR KE YM MYM",
    "XNYM": "CL QM MCL NG QG RB HO BZ PL PA",
    "XCEC": "GC MGC SI SIL HG",
    "IEPA": "CC KC SB CT OJ DX",
    "XCBF": "VX",
}


@dataclass(frozen=True, slots=True)
class Resolution:
    """Where a symbol is listed. symbol: in its stored form. because: the reason, as a sentence for people.

    assumed: the form fits, but does not prove it: say so wherever it is used.
    """

    symbol: str
    exchange: str
    currency: str
    kind: str
    because: str
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class MarketQuestion:
    """A symbol whose market is not known. nearest: codes of the likely markets, the likeliest first."""

    symbol: str
    because: str
    nearest: tuple[str, ...]

    @property
    def text(self) -> str:
        """The question with the answers, for people."""
        known = markets()
        named = ", ".join(
            f"{mic} ({known[mic].exchange.name})" if mic in known else mic for mic in self.nearest
        )
        ask = (
            f"say which market it is: --exchange {named}"
            if named
            else "say which market it is: --exchange MIC"
        )
        return f"{self.symbol}: {self.because}; {ask}; `stock-analysis exchange list` shows all"


def resolve(text: str, known: Iterable[Exchange] = ()) -> Resolution | MarketQuestion:
    """The market that a symbol's suffix or form names, or a question with the nearest answers.

    text: as Yahoo (VOD.L, ^GSPC, EURUSD=X, ETH-USD), Bloomberg (VOD LN Equity, SPX Index) or Reuters (VOD.L,
    .SPX, EUR=) write it, or a symbol with the market's MIC behind it (VOD.XLON). known: exchanges beside, or
    in the place of, the shipped ones. Raises InvalidInputError if it is no symbol at all.
    """
    symbol = " ".join(text.strip().upper().split())
    table = _Table({one.mic: one for one in known})
    for form in _FORMS:
        found = form(symbol, table)
        if found is not None:
            return found
    parse_symbol(symbol)
    return MarketQuestion(symbol, "its form names no market", ())


class _Table:
    """The shipped markets and those that were added."""

    def __init__(self, added: Mapping[str, Exchange]) -> None:
        self.exchanges = {mic: one.exchange for mic, one in markets().items()} | dict(added)
        self.by_suffix: dict[str, list[str]] = {}
        for mic, market in markets().items():
            for suffix in market.suffixes:
                self.by_suffix.setdefault(suffix, []).append(mic)
        for mic, one in added.items():
            for suffix in one.suffixes:
                if mic not in self.by_suffix.setdefault(suffix.upper(), []):
                    self.by_suffix[suffix.upper()].append(mic)

    def on(
        self,
        symbol: str,
        mic: str,
        because: str,
        *,
        kind: str = "stock",
        currency: str = "",
        assumed: bool = False,
    ) -> Resolution:
        money = currency or self.exchanges[mic].currency
        return Resolution(parse_symbol(symbol), mic, money, kind, because, assumed)


Form = Callable[[str, _Table], Resolution | MarketQuestion | None]


def _index(symbol: str, table: _Table) -> Resolution | MarketQuestion | None:
    name = symbol.removesuffix(" INDEX")
    if not symbol.startswith(("^", ".")) and name == symbol:
        return None
    for one in indices().values():
        if name in (one.symbol, f".{one.reuters}") or (name != symbol and name == one.bloomberg):
            return table.on(one.symbol, one.mic, f"{name} is the {one.name}", kind="index")
    if symbol.startswith("^") and "." in symbol:
        return None
    parse_symbol(name.replace(".", "^", 1))
    names = {word: one.mic for one in indices().values() for word in (one.symbol[1:], one.name.upper())}
    near = get_close_matches(name.strip("^."), names, 3, 0.5)
    likely = _distinct(names[one] for one in near) or (NEW_YORK, "XLON", "XKRX")
    return MarketQuestion(symbol, "it is not an index that is known", likely)


def _bloomberg(symbol: str, table: _Table) -> Resolution | MarketQuestion | None:
    pair = symbol.removesuffix(" CURNCY")
    if pair != symbol and _is_pair(pair):
        because = "Curncy names a currency pair"
        return table.on(f"{pair}=X", CURRENCIES, because, kind="currency", currency=pair[3:])
    name, _, code = symbol.removesuffix(" EQUITY").partition(" ")
    if not code or " " in code:
        return None
    codes = {one: mic for mic, market in markets().items() for one in market.bloomberg}
    found = tuple(mic for mic, market in markets().items() if code in market.bloomberg)
    if len(found) == 1:
        suffix = markets()[found[0]].yahoo
        stored = ".".join((name.replace("/", "-"), *suffix[:1]))
        return table.on(stored, found[0], f"{code} is Bloomberg's code of it", assumed=code == "US")
    because = f"{code} stands for several markets" if found else f"{code} is no exchange of Bloomberg"
    near = _distinct(codes[one] for one in get_close_matches(code, codes, 3, 0.5))
    return MarketQuestion(symbol, because, found or near)


def _pair(symbol: str, table: _Table) -> Resolution | MarketQuestion | None:
    """A currency or a coin, priced in another."""
    because = f"{symbol} is a currency pair"
    name, mark, form = symbol.partition("=")
    if mark and form in ("X", "", "R"):
        pair = name if len(name) == 6 else f"USD{name}"
        if form != "X" and name in _QUOTED_IN_DOLLARS:
            pair = f"{name}USD"
        if not _is_pair(pair):
            return MarketQuestion(symbol, "it has the form of a currency pair, but is none", (CURRENCIES,))
        stored = symbol if form == "X" else f"{pair}=X"
        return table.on(stored, CURRENCIES, because, kind="currency", currency=pair[3:])
    base, mark, quote = symbol.replace("/", "-").partition("-")
    if mark and _is_pair(base + quote):
        stored = symbol.replace("/", "") + "=X" if "/" in symbol else symbol
        return table.on(stored, CURRENCIES, because, kind="currency", currency=quote)
    return _coin(symbol, base, mark, quote, table)


def _coin(symbol: str, base: str, mark: str, quote: str, table: _Table) -> Resolution | None:
    """A coin in money (BTC-USD), money before its coin as Upbit writes it (KRW-BTC), or BTCUSDT."""
    because = f"{symbol} is a crypto pair"
    first_is_money = base == "KRW" or (base in _COINS and quote not in _QUOTES | _COINS)
    pair = mark and re.fullmatch(r"[A-Z0-9]{1,12}-[A-Z0-9]{3,12}", f"{base}-{quote}")
    if pair and (first_is_money or quote in _QUOTES | _COINS):
        money = base if first_is_money else quote
        return table.on(f"{base}-{quote}", CRYPTO, because, kind="crypto", currency=_money(money))
    if _TWO_COINS.fullmatch(symbol):
        return table.on(symbol, CRYPTO, because, kind="crypto", currency="USD", assumed=True)
    return None


def _future(symbol: str, table: _Table) -> Resolution | MarketQuestion | None:
    name, mark, form = symbol.rpartition("=")
    if not mark or form != "F":
        return None
    for mic, roots in _FUTURE_ROOTS.items():
        if name in roots.split():
            return table.on(symbol, mic, f"{name} is a future of it", kind="future")
    return table.on(
        symbol, GLOBEX, "=F names a future; its exchange is not known", kind="future", assumed=True
    )


def _suffix(symbol: str, table: _Table) -> Resolution | MarketQuestion | None:
    name, mark, suffix = symbol.rpartition(".")
    if not mark or not name:
        return None
    if suffix in table.exchanges:
        return table.on(symbol, suffix, f".{suffix} is its code", kind=_kind(name, suffix))
    found = table.by_suffix.get(suffix, [])
    if len(found) == 1:
        return table.on(symbol, found[0], f".{suffix} is its suffix", kind=_kind(name, found[0]))
    if found:
        return MarketQuestion(symbol, f".{suffix} stands for several markets", tuple(found))
    if _CLASS.fullmatch(symbol):
        return table.on(
            symbol, NEW_YORK, f".{suffix} is a class of a share in the United States", assumed=True
        )
    known = table.by_suffix | {word: [mic] for word, mic in _ABBREVIATIONS.items()}
    near = get_close_matches(suffix, known, 4, 0.5)
    nearest = _distinct(mic for one in near for mic in known[one])
    return MarketQuestion(symbol, f".{suffix} is the suffix of no market that is known", nearest[:5])


def _digits(symbol: str, table: _Table) -> Resolution | MarketQuestion | None:
    if not re.fullmatch(r"\d{4,6}|\d{5}[KLM]|\d{4}[A-Z]\d|\d{3}A", symbol):
        return None
    found = [mic for mic, forms in _NUMBERED.items() if re.fullmatch(forms, symbol)]
    if len(found) == 1:
        return table.on(symbol, found[0], f"{symbol} has the form of its numbers", assumed=True)
    return MarketQuestion(symbol, f"{'several' if found else 'no'} markets have such numbers", tuple(found))


_NUMBERED = {
    "XKRX": r"(?:[0-4]\d{4}|9[05]\d{3})[0579KLM]|(?:5|6[1-79]|7)\d{5}|0\d{3}[A-Z]\d",
    "XSHG": r"60[0135]\d{3}|68[89]\d{3}|900\d{3}|5[16]\d{4}|588\d{3}|113\d{3}",
    "XSHE": r"00[0-3]\d{3}|30[01]\d{3}|200\d{3}|159\d{3}",
    "XTKS": r"[1-9]\d{3}|\d{3}A",
    "XHKG": r"0\d{4}|\d{4}",
    "XTAI": r"[1-9]\d{3}|00\d{2,3}",
    "XKLS": r"\d{4}",
    "XSAU": r"\d{4}",
}


def _plain(symbol: str, table: _Table) -> Resolution | MarketQuestion | None:
    if len(symbol) == 6 and _is_pair(symbol):
        return table.on(
            symbol,
            CURRENCIES,
            f"{symbol} is a currency pair",
            kind="currency",
            currency=symbol[3:],
            assumed=True,
        )
    if re.fullmatch(r"[A-Z][A-Z0-9_]{0,31}", symbol) or _CLASS.fullmatch(symbol):
        because = "a symbol without a suffix is taken for one of the United States"
        return table.on(symbol, NEW_YORK, because, assumed=True)
    return None


_FORMS: Sequence[Form] = (_index, _bloomberg, _pair, _future, _suffix, _digits, _plain)


def _kind(name: str, mic: str) -> str:
    if mic in ("XCBT", "XCME", "XNYM", "XCEC", "IEPA", "XCBF") and _FUTURE_MONTH.fullmatch(name):
        return "future"
    return "index" if name.startswith("^") else "stock"


def _money(quote: str) -> str:
    """The currency of a price in this coin: three letters, stablecoins as the dollar they stand for."""
    return "USD" if quote in _DOLLAR_COINS else quote


def _is_pair(text: str) -> bool:
    return len(text) == 6 and text[:3] in FIAT and text[3:] in FIAT and text[:3] != text[3:]


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
