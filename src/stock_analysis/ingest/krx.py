"""Korean prices by the package pykrx (extra: krx): raw from the exchange, splits by comparison with Naver's.

The other package for them, FinanceDataReader, asks the exchange without a login, which it now refuses, and
is left with Naver's adjusted prices, from which raw ones cannot be had. pykrx logs in.
"""

import io
import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from stock_analysis.domain.actions import ActionKind, CorporateAction
from stock_analysis.domain.bars import Bars, IntArray, Interval
from stock_analysis.domain.errors import ProviderError
from stock_analysis.domain.instruments import Instrument
from stock_analysis.ingest.ports import Fetched
from stock_analysis.kernels.unadjustment import split_ratios

MARKETS = {"STK": "XKRX", "KSQ": "XKOS"}
COLUMNS = ("시가", "고가", "저가", "종가", "거래량")
CLOSE = "종가"
INSTEAD = "or fetch it from Yahoo, as 005930.KS (KOSPI) or 035720.KQ (KOSDAQ)"


@dataclass(frozen=True)
class KrxProvider:
    """Daily bars of the Korea Exchange as traded, and the splits among them; no dividends.

    pykrx logs in to the exchange with the environment's KRX_ID and KRX_PW. A split is where the exchange's
    close over Naver's adjusted one changes; rights issues, for which Naver adjusts too, count as splits.
    Days without a trade have no bar.
    """

    timeout_s: float = 20.0
    name: str = "krx"

    def fetch(self, symbol: str, interval: Interval, start: date, end: date) -> Fetched:
        """The bars of one six-character code from start to end, both inclusive, and the splits on those days.

        Raises ProviderError.
        """
        if interval is not Interval.D1:
            raise ProviderError(f"krx has daily bars only, not {interval}")
        if not (os.environ.get("KRX_ID") and os.environ.get("KRX_PW")):
            raise ProviderError(
                "the Korea Exchange answers its members only: register at data.krx.co.kr (free) and set the"
                f" environment variables KRX_ID and KRX_PW, {INSTEAD}"
            )
        with _readable_errors():
            self._connect()
            instrument = _instrument(symbol)
            raw = _prices(symbol, start, end, adjusted=False)
            if raw.empty:
                raise ProviderError(f"the Korea Exchange has no bars of {symbol} from {start} to {end}")
            adjusted = _prices(symbol, start, end, adjusted=True)
            return Fetched(instrument, _bars(raw), _splits(raw, adjusted))

    def _connect(self) -> None:
        """Import pykrx, which logs in, and have its session give up in time and refuse bad answers."""
        auth = _library()
        connection = auth.get_auth_session()
        if connection is None:
            raise ProviderError(
                "the Korea Exchange refuses the login: check KRX_ID and KRX_PW at data.krx.co.kr"
            )
        connection.session.hooks["response"] = [_refuse_bad_answer]
        send = type(connection.session).send

        def send_in_time(request: Any, **options: Any) -> Any:
            options["timeout"] = options.get("timeout") or self.timeout_s
            return send(connection.session, request, **options)

        connection.session.send = send_in_time


def _library() -> Any:
    try:
        with warnings.catch_warnings():
            # Its import finds a font by a deprecated function.
            warnings.simplefilter("ignore", DeprecationWarning)
            import pykrx.stock  # noqa: F401 - its first import warns, so it is made here
            import pykrx.website.comm.auth as auth
    except ImportError as error:
        raise ProviderError(
            "prices from the Korea Exchange need the package pykrx; in the checkout: make install EXTRA=krx"
        ) from error
    return auth


@contextmanager
def _readable_errors() -> Iterator[None]:
    """Errors of pykrx and of the network as ProviderError; what pykrx prints, the login too, goes nowhere."""
    try:
        with redirect_stdout(io.StringIO()):
            yield
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ProviderError(
            f"the answer is not what pykrx expects ({error}): try again later, update pykrx, {INSTEAD}"
        ) from error
    except OSError as error:
        raise ProviderError(
            f"the Korea Exchange or Naver cannot be reached ({error}): check the network and its proxy,"
            f" {INSTEAD}"
        ) from error


def _refuse_bad_answer(response: Any, **_: Any) -> None:
    """Raises what pykrx would take for an empty answer: refusals, and pages in place of data."""
    host = response.url.split("/")[2]
    if response.status_code == 429:
        raise ProviderError(f"{host} refuses more requests for now (429): try again in a quarter of an hour")
    if response.text.strip() == "LOGOUT":
        raise ProviderError(f"{host} has ended the login of KRX_ID: try again; it allows one login at a time")
    if response.status_code >= 400 or not _is_data(response.text):
        raise ProviderError(
            f"{host} answered with no data (status {response.status_code}): it may be under maintenance, or"
            f" its format has changed; try again later, update pykrx, {INSTEAD}"
        )


def _is_data(text: str) -> bool:
    """Whether it is the JSON of the exchange or the XML of Naver."""
    if "<chartdata" in text:
        return True
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _instrument(symbol: str) -> Instrument:
    from pykrx.website.krx.market.ticker import StockTicker

    found = StockTicker().get(symbol)
    if found is None:
        raise ProviderError(
            f"the Korea Exchange knows no code {symbol}: six characters as 005930, without .KS or .KQ"
        )
    market = found["시장"]
    if market not in MARKETS:
        raise ProviderError(
            f"{symbol} is listed on {market}, which the platform does not know: KOSPI and KOSDAQ only"
        )
    return Instrument(symbol, str(found["종목"]), MARKETS[market], "KRW")


def _prices(symbol: str, start: date, end: date, *, adjusted: bool) -> Any:
    """Traded days only: a halted one has a close and nothing else."""
    from pykrx import stock

    days = f"{start:%Y%m%d}", f"{end:%Y%m%d}"
    frame = stock.get_market_ohlcv_by_date(*days, symbol, adjusted=adjusted)
    return frame if frame.empty else frame[frame[COLUMNS[0]] > 0]


def _bars(raw: Any) -> Bars:
    return Bars(_sessions(raw), *(raw[column].to_numpy(np.float64) for column in COLUMNS))


def _sessions(frame: Any) -> IntArray:
    return np.asarray(frame.index.to_numpy().astype("datetime64[s]").astype(np.int64))


def _splits(raw: Any, adjusted: Any) -> list[CorporateAction]:
    both = raw[[CLOSE]].join(adjusted[[CLOSE]], how="inner", rsuffix="_adjusted")
    if len(both) < len(raw):
        raise ProviderError(
            f"Naver has {len(both)} of the {len(raw)} days of the exchange, so the splits cannot be told:"
            f" ask for other days, {INSTEAD}"
        )
    first, ratios = split_ratios(*(both[column].to_numpy(np.float64) for column in both.columns))
    days = both.index[first]
    return [
        CorporateAction(day.date(), ActionKind.SPLIT, float(ratio), "krx/naver")
        for day, ratio in zip(days, ratios, strict=True)
    ]
