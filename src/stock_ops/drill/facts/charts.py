"""The instruments and charts of a running platform, read as any client reads them."""

import contextlib
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from stock_ops.kit.errors import PartError

INDICATOR = "sma(5)"
"""Warm after five bars, so that there is a value of it on nearly every chart."""
WARM_UP_BARS = 4
_COLUMNS = ("t", "o", "h", "l", "c", "v")
_INTERVALS = ("1d", "1m")
"""Those that are stored; the others are made of them."""
MOST_BARS = 50_000
"""The most that the platform gives at once."""
_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where a platform listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"http://{self.host}:{self.port}"


class NoAnswerError(PartError):
    """The platform does not answer, or not with the chart."""

    def __init__(self, address: Address, path: str, reason: str) -> None:
        super().__init__(
            f"The platform at {address} does not answer {path.partition('?')[0]}: {reason}.",
            "See `stockops status` and `stockops logs platform`.",
        )
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Question:
    """Which chart to ask for."""

    symbol: str
    interval: str

    @property
    def path(self) -> str:
        """The newest bars as they were stored, with an indicator."""
        query = {"interval": self.interval, "adjustment": "raw", "limit": MOST_BARS, "i": INDICATOR}
        return f"/api/v1/stocks/{quote(self.symbol, safe='')}/chart?{urlencode(query)}"


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as it was answered."""

    question: Question
    etag: str
    """The same for the same bars: it is made of the instrument's version."""
    times: tuple[int, ...]
    bars: tuple[tuple[float | None, ...], ...]
    """Open, high, low, close and volume of each."""
    indicator: tuple[float | None, ...]


def find_chart(address: Address) -> Question | None:
    """The first instrument that has bars; None when none has. Raises NoAnswerError."""
    for item in _instruments(address):
        for interval in _INTERVALS:
            if item["bars"].get(interval):
                return Question(item["symbol"], interval)
    return None


def ask_chart(address: Address, question: Question) -> Chart:
    """Ask for a chart. Raises NoAnswerError."""
    body, etag = _get(address, question.path)
    try:
        times, *columns = (body[name] for name in _COLUMNS)
        (indicator,) = body["indicators"]
        (values,) = indicator["outputs"].values()
        bars = tuple(zip(*columns, strict=True))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NoAnswerError(address, question.path, f"its answer is no chart ({error})") from error
    return Chart(question, etag, tuple(times), bars, tuple(values))


def _instruments(address: Address) -> Iterator[dict[str, Any]]:
    cursor: str | None = ""
    while cursor is not None:
        path = "/api/v1/stocks?" + urlencode({"limit": 200} | ({"cursor": cursor} if cursor else {}))
        page, _ = _get(address, path)
        try:
            yield from page["items"]
            cursor = page["next_cursor"]
        except (KeyError, TypeError) as error:
            raise NoAnswerError(address, path, "its answer is no list of instruments") from error


def _get(address: Address, path: str) -> tuple[dict[str, Any], str]:
    try:
        connection = http.client.HTTPConnection(address.host, address.port, timeout=_TIMEOUT_S)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            body, etag = answer.read(), answer.getheader("ETag", "")
        if answer.status != 200:
            raise NoAnswerError(address, path, f"it answers {answer.status}")
        found: dict[str, Any] = json.loads(body)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NoAnswerError(address, path, str(error) or type(error).__name__) from error
    return found, etag
