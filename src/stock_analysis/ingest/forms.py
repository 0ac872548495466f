"""The forms in which prices are exported, as data: which headings name what, and which form has which."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stock_analysis.ingest.tables import SYMBOL_WORDS

Adjusted = Literal["none", "split", "all"]

ADJUSTED_CLOSE = "adjusted close"
"""The column that is only a check: prices are stored as they were traded."""

HEADINGS = {
    "symbol": SYMBOL_WORDS,
    "when": (
        "datetime",
        "timestamp",
        "ts",
        "session",
        "date",
        "day",
        "일시",
        "날짜",
        "일자",
        "기준일",
        "date time",
        "open time",
        "trade date",
        "datum",
        "fecha",
        "日付",
        "日期",
        "time",
    ),
    "clock": ("time", "시간", "시각"),
    "open": ("open", "o", "open price", "opening price", "시가", "시가(원)", "始値", "开盘"),
    "high": ("high", "h", "high price", "고가", "高値", "最高"),
    "low": ("low", "l", "low price", "저가", "安値", "最低"),
    "close": (
        "close",
        "c",
        "close price",
        "closing price",
        "last",
        "close/last",
        "last price",
        "종가",
        "현재가",
        "終値",
        "收盘",
        "price",
    ),
    "volume": (
        "volume",
        "vol",
        "vol.",
        "v",
        "거래량",
        "volume (shares)",
        "trading volume",
        "total volume",
        "share volume",
        "shares traded",
        "no. of shares",
        "total traded quantity",
        "volumen",
        "成交量",
        "出来高",
    ),
    ADJUSTED_CLOSE: ("adj close", "adj. close", "adjusted close", "adj close*", "수정종가", "수정주가"),
}
"""Column by column, the headings that name it, the surest first."""

REQUIRED = ("when", "open", "high", "low", "close")

MONEY_HEADINGS = (
    "turnover",
    "amount",
    "value traded",
    "traded value",
    "trading value",
    "거래대금",
    "quote volume",
    "quote asset volume",
    "dollar volume",
    "turnover (lacs)",
    "turnover (rs.)",
    "成交额",
    "売買代金",
    "umsatz",
)
"""Headings of what was paid for the shares: money, never a volume."""

VOLUME_LIKE = r"vol|거래|수량|qty|quantit|shares|turnover|成交|出来|売買"
"""What a heading looks like that may be a volume."""

MONEY_CODES = frozenset(
    [
        "usd",
        "eur",
        "gbp",
        "jpy",
        "krw",
        "cny",
        "hkd",
        "inr",
        "chf",
        "cad",
        "aud",
        "nzd",
        "sek",
        "nok",
        "dkk",
        "sgd",
        "twd",
        "brl",
        "mxn",
        "zar",
        "try",
        "rub",
        "pln",
        "usdt",
        "usdc",
        "busd",
    ]
)


@dataclass(frozen=True, slots=True)
class Form:
    """A form by its headings; adjusted: in which terms its prices come, None where that differs."""

    name: str
    headings: frozenset[str]
    adjusted: Adjusted | None = None


def _bare(heading: str) -> str:
    return heading.strip().strip('"\ufeff').strip().lower()


def _form(name: str, headings: str, adjusted: Adjusted | None = None) -> Form:
    return Form(name, frozenset(map(_bare, headings.split(","))), adjusted)


FORMS = (
    _form("investing.com", "Date,Price,Open,High,Low,Vol.,Change %", "split"),
    _form("investing.com (Korean)", "날짜,종가,시가,고가,저가,거래량,변동 %", "split"),
    _form("Nasdaq", "Date,Close/Last,Volume,Open,High,Low", "split"),
    _form("Stooq", "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>", "all"),
    _form("Yahoo", "Date,Open,High,Low,Close,Adj Close,Volume", "split"),
    _form("Alpha Vantage", "date,1. open,2. high,3. low,4. close,5. volume", "none"),
    _form(
        "Alpha Vantage, adjusted",
        "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient",
        "none",
    ),
    _form(
        "KRX data portal", "일자,종가,대비,등락률,시가,고가,저가,거래량,거래대금,시가총액,상장주식수", "none"
    ),
    _form("Naver", "날짜,종가,전일비,시가,고가,저가,거래량", "split"),
)
"""The forms by which a file is named to its user; a file in none of them is read by HEADINGS all the same."""


def form_of(names: Sequence[str]) -> Form | None:
    """The form with exactly these headings."""
    headings = frozenset(map(_bare, names))
    return next((form for form in FORMS if form.headings == headings), None)
