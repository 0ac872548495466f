"""Prices from Yahoo Finance, by the package yfinance (extra: yahoo)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from stock_analysis.domain.actions import ActionKind, CorporateAction
from stock_analysis.domain.bars import Bars, BoolArray, IntArray, Interval
from stock_analysis.domain.currencies import parse_currency
from stock_analysis.domain.errors import ProviderError
from stock_analysis.domain.instruments import Instrument, parse_symbol
from stock_analysis.ingest.ports import Fetched
from stock_analysis.kernels.unadjustment import later_split_factor, traded_price

EXCHANGES = {
    **dict.fromkeys(("NMS", "NGM", "NCM", "NIM"), "XNAS"),
    **dict.fromkeys(("NYQ", "SNP", "DJI"), "XNYS"),
    "PCX": "ARCX",
    "BTS": "BATS",
    "KSC": "XKRX",
    "KOE": "XKOS",
    "CME": "XCME",
    "LSE": "XLON",
    "JPX": "XTKS",
    "HKG": "XHKG",
    "GER": "XETR",
}
KINDS = {"EQUITY": "stock", "ETF": "etf", "INDEX": "index", "FUTURE": "future"}
INTERVALS = (Interval.D1, Interval.M1)
PRICES = ("Open", "High", "Low", "Close")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class YahooProvider:
    """Bars and actions of Yahoo Finance, turned back into prices as traded.

    Yahoo adjusts its prices, volumes and dividends by all splits up to today, so the splits are always
    asked for up to today, whatever the end. session: a Session of curl_cffi or requests instead of yfinance's
    own, for a proxy or a replay.
    """

    session: Any = None
    timeout_s: float = 20.0
    now: Callable[[], datetime] = field(default=_now)
    name: str = "yahoo"

    def fetch(self, symbol: str, interval: Interval, start: date, end: date) -> Fetched:
        """The bars of one symbol from start to end, both inclusive, and the actions on those days.

        symbol: Yahoo's, as AAPL, BRK-B or 005930.KS; of 1-minute bars Yahoo keeps some days only.
        Raises ProviderError.
        """
        if interval not in INTERVALS:
            raise ProviderError(
                f"yahoo is asked for 1d and 1m bars only, not {interval}: others follow from them"
            )
        yfinance = _library()
        with _readable_errors(yfinance, symbol):
            ticker = yfinance.Ticker(yahoo_symbol(symbol), session=self.session)
            daily = self._history(ticker, Interval.D1, start, self.now().date())
            frame = daily if interval is Interval.D1 else self._history(ticker, interval, start, end)
            instrument = _instrument(symbol, ticker.get_history_metadata())
            bars = _bars(frame, interval, _splits(daily))
            bars = bars[_within(bars.t, frame, start, end) & self._finished(bars.t, interval, ticker)]
            actions = [action for action in _actions(daily) if start <= action.ex_date <= end]
        if not len(bars):
            raise ProviderError(
                f"Yahoo has no {interval} bars of {symbol} from {start} to {end}: ask for other days"
            )
        return Fetched(instrument, bars, actions)

    def _history(self, ticker: Any, interval: Interval, start: date, end: date) -> Any:
        return ticker.history(
            start=start,
            end=end + timedelta(days=1),
            interval=str(interval),
            auto_adjust=False,
            actions=True,
            timeout=self.timeout_s,
        )

    def _finished(self, t: IntArray, interval: Interval, ticker: Any) -> BoolArray:
        """False for the bar that is still growing while the market is open."""
        hours = ticker.get_history_metadata().get("currentTradingPeriod", {}).get("regular")
        if not hours or not hours["start"] <= self.now() < hours["end"]:
            return np.ones(len(t), np.bool_)
        if interval is Interval.M1:
            return t < int(self.now().timestamp()) - 60
        return t < int(np.array(hours["start"].date(), "datetime64[s]").astype(np.int64))


def yahoo_symbol(symbol: str) -> str:
    """The symbol as Yahoo writes it: share classes after a dash (BRK-B), as in no other place."""
    stem, dot, share_class = symbol.upper().partition(".")
    return f"{stem}-{share_class}" if dot and share_class in {"A", "B"} else symbol.upper()


def stored_symbol(symbol: str) -> str:
    """The symbol as it is stored: BRK.B for BRK-B, 005930 for 005930.KS, GSPC for ^GSPC."""
    text = symbol.upper().lstrip("^").removesuffix(".KS").removesuffix(".KQ")
    if text[-2:] in {"-A", "-B"}:
        text = f"{text[:-2]}.{text[-1]}"
    return parse_symbol(text)


def _library() -> Any:
    try:
        import yfinance
    except ImportError as error:
        raise ProviderError(
            "prices from Yahoo need the package yfinance; in the checkout: make install EXTRA=yahoo"
        ) from error
    return yfinance


@contextmanager
def _readable_errors(yfinance: Any, symbol: str) -> Iterator[None]:
    """Errors of yfinance and of the network as ProviderError; yfinance hides them unless told not to."""
    debug, problems = yfinance.config.debug, yfinance.exceptions
    hidden, debug.hide_exceptions = debug.hide_exceptions, False
    try:
        yield
    except problems.YFRateLimitError as error:
        raise ProviderError(
            "Yahoo refuses more requests for now (429): wait a quarter of an hour, then fetch fewer symbols"
        ) from error
    except problems.YFTzMissingError as error:
        raise ProviderError(_unknown(symbol)) from error
    except problems.YFPricesMissingError as error:
        reason = error.yahoo_reason or "and gives no reason; ask for other days or try again later"
        raise ProviderError(f"Yahoo has no such bars of {symbol}: {reason}") from error
    except problems.YFException as error:
        raise ProviderError(f"Yahoo did not answer for {symbol}: {error}") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ProviderError(
            f"Yahoo's answer for {symbol} is not the chart that yfinance expects ({error}): a proxy may have"
            " answered, or the format has changed; try again later or update yfinance"
        ) from error
    except OSError as error:
        if getattr(getattr(error, "response", None), "status_code", None) == 404:
            raise ProviderError(_unknown(symbol)) from error
        raise ProviderError(
            f"Yahoo cannot be reached ({error}): check the network and its proxy, or import from files"
        ) from error
    finally:
        debug.hide_exceptions = hidden


def _unknown(symbol: str) -> str:
    return (
        f"Yahoo knows no symbol {symbol}: look it up on finance.yahoo.com; Korean shares end in .KS (KOSPI)"
        " or .KQ (KOSDAQ), London's in .L, Tokyo's in .T"
    )


def _instrument(symbol: str, meta: dict[str, Any]) -> Instrument:
    code, quoted = meta["exchangeName"], meta["instrumentType"]
    if code not in EXCHANGES or quoted not in KINDS:
        raise ProviderError(
            f"{symbol} is of type {quoted} on Yahoo's exchange {code}, which the platform does not know:"
            f" types {', '.join(KINDS)}; exchanges {', '.join(EXCHANGES)}"
        )
    return Instrument(
        symbol=stored_symbol(symbol),
        name=meta.get("longName") or meta.get("shortName") or symbol,
        exchange=EXCHANGES[code],
        currency=parse_currency(meta["currency"]),
        kind=KINDS[quoted],
    )


def _bars(frame: Any, interval: Interval, splits: list[CorporateAction]) -> Bars:
    """The frame's rows as traded: prices times, volumes through the splits after them."""
    t = _starts(frame, interval)
    ex_dates = [split.ex_date for split in splits]
    ratio = np.array([split.value for split in splits], np.float64)
    factor = later_split_factor(_dates(frame), np.array(ex_dates, "datetime64[s]").astype(np.int64), ratio)
    prices = (traded_price(frame[column].to_numpy(np.float64), factor) for column in PRICES)
    open_, high, low, close = prices
    volume = np.round(frame["Volume"].to_numpy(np.float64) / factor)
    return Bars(t, open_, high, low, close, volume)


def _starts(frame: Any, interval: Interval) -> IntArray:
    return (
        _dates(frame)
        if interval is Interval.D1
        else _seconds(frame.index.tz_convert("UTC").tz_localize(None))
    )


def _dates(frame: Any) -> IntArray:
    """Of each row, 00:00 UTC of its date at the exchange."""
    return _seconds(frame.index.tz_localize(None).normalize())


def _seconds(index: Any) -> IntArray:
    return np.asarray(index.to_numpy().astype("datetime64[s]").astype(np.int64))


def _within(t: IntArray, frame: Any, start: date, end: date) -> BoolArray:
    first, last = np.array([start, end], "datetime64[s]").astype(np.int64)
    dates = _dates(frame)
    return np.asarray((dates >= first) & (dates <= last) & (t > 0))


def _splits(daily: Any) -> list[CorporateAction]:
    return _events(daily, "Stock Splits", ActionKind.SPLIT)


def _actions(daily: Any) -> list[CorporateAction]:
    """Splits and, in the shares of their day, dividends."""
    splits = _splits(daily)
    dividends = [_raw_dividend(event, splits) for event in _events(daily, "Dividends", ActionKind.DIVIDEND)]
    return sorted([*splits, *dividends], key=lambda action: (action.ex_date, action.kind))


def _raw_dividend(dividend: CorporateAction, splits: list[CorporateAction]) -> CorporateAction:
    ratio = float(np.prod([split.value for split in splits if split.ex_date > dividend.ex_date]))
    return CorporateAction(dividend.ex_date, dividend.kind, round(dividend.value * ratio, 4), dividend.source)


def _events(daily: Any, column: str, kind: ActionKind) -> list[CorporateAction]:
    found = daily[column][daily[column] > 0]
    return [
        CorporateAction(day.date(), kind, float(value), "yahoo")
        for day, value in zip(found.index, found.to_numpy(), strict=True)
    ]
