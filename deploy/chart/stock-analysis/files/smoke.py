"""smoke.py URL: what a newcomer would try first, at the gateway. Exit code 1, with the reason, if it fails.

What to ask for is in smoke.json beside this file; the API key, which lives for some minutes, in KEY.
"""

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPMessage
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

KEY = Path("/key/key.json")
ANSWER_S = 20
MOST_BYTES = 1_000_000


class FailedError(Exception):
    """An answer is not the one that was wanted."""


class Gateway:
    """The one door."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url, key

    def ask(
        self, path: str, *, known: bool = True, most: int = MOST_BYTES, **query: str
    ) -> tuple[int, HTTPMessage, str]:
        """Status, headers, and the beginning of the body. known: with the key."""
        headers = {"Authorization": f"Bearer {self._key}"} if known else {}
        full = f"{self._url}{path}{'?' * bool(query)}{urlencode(query)}"
        request = Request(full, headers=headers)  # noqa: S310 - the address is the release's own
        try:
            with urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310 - as above
                return answer.status, answer.headers, answer.read(most).decode()
        except HTTPError as error:
            return error.code, error.headers, error.read(most).decode()
        except (URLError, OSError) as error:
            raise FailedError(f"{path} is not answered: {error}") from error


Step = Callable[[Gateway, Mapping[str, object]], str]


def want(found: object, wanted: object, what: str) -> None:
    """Raise FailedError unless it is what was wanted."""
    if found != wanted:
        raise FailedError(f"{what}: {found!r}, wanted {wanted!r}")


def ready(gateway: Gateway, _: Mapping[str, object]) -> str:
    """What it needs is there."""
    status, _headers, body = gateway.ask("/readyz", known=False)
    want(status, 200, f"/readyz says {body[:200]}")
    return "all that the gateway needs answers"


def page(gateway: Gateway, _: Mapping[str, object]) -> str:
    """The page is shown."""
    status, _headers, body = gateway.ask("/", known=False)
    want((status, "<!doctype html>" in body.lower()), (200, True), "the page")
    return "the page is there"


def no_key(gateway: Gateway, _: Mapping[str, object]) -> str:
    """Prices are for those who have a key."""
    status, headers, body = gateway.ask("/api/v1/stocks", known=False, query="A")
    want(
        (status, headers.get_content_type()), (401, "application/problem+json"), f"without a key {body[:100]}"
    )
    return "without a key: 401, as problem+json"


def search(gateway: Gateway, asked: Mapping[str, object]) -> str:
    """A stock is found."""
    symbol = str(asked["symbol"])
    status, _headers, body = gateway.ask("/api/v1/stocks", query=symbol or "A")
    want(status, 200, f"a search says {body[:200]}")
    items = json.loads(body)["items"]
    if symbol:
        want(symbol in [one["symbol"] for one in items], True, f"{symbol} is found")
    return f"a search finds {len(items)}"


def chart(gateway: Gateway, asked: Mapping[str, object]) -> str:
    """Known closes, and an indicator that can be computed by hand."""
    symbol, closes = str(asked["symbol"]), [float(one) for one in list(asked["closes"])]
    if not symbol:
        return "not asked for: smoke.symbol is empty"
    dates = {"from": str(asked["from"]), "to": str(asked["to"])} if asked["from"] else {}
    path = f"/api/v1/stocks/{symbol}/chart"
    status, _headers, body = gateway.ask(path, interval="1d", adjustment="raw", i="sma(2)", **dates)
    want(status, 200, f"the chart of {symbol} says {body[:200]}")
    found = json.loads(body)
    if closes:
        want(found["c"], closes, f"closes of {symbol}")
    count = len(found["c"])
    (average,) = (one for one in indicators(found["indicators"]) if len(one) == count)
    if count > 1:
        good = math.isclose(average[-1], (found["c"][-2] + found["c"][-1]) / 2, rel_tol=1e-9)
        want(good, True, f"sma(2) of {symbol} is {average[-1]}, the mean of its last two closes")
    known = f", {len(closes)} of them known" if closes else ""
    return f"{count} bars of {symbol}{known}, and sma(2) is their mean"


def indicators(found: object) -> Iterator[list[float]]:
    """Each list of numbers in it, however it is nested."""
    if isinstance(found, list) and found and all(isinstance(one, int | float | None) for one in found):
        yield found
    elif isinstance(found, Mapping | list):
        for one in found.values() if isinstance(found, Mapping) else found:
            yield from indicators(one)


def limits(gateway: Gateway, asked: Mapping[str, object]) -> str:
    """Requests are counted."""
    if not asked["limit"]:
        return "not asked for: route.ratePerMinute is 0"
    _status, headers, _body = gateway.ask("/api/v1/stocks", query="A")
    if headers["RateLimit"] is None:
        raise FailedError("no RateLimit header, and a limit is set")
    # Each gateway tells of its own share, so that two answers cannot be compared.
    most, left = field(headers["RateLimit-Policy"], "q"), field(headers["RateLimit"], "r")
    want((most, left < most), (asked["limit"], True), f"the limit, and whether {left} left is less")
    return f"requests are counted, {left} left of {most}"


def field(header: str, name: str) -> int:
    """A number in a header of the form "default";q=100;w=60."""
    return int(header.partition(f";{name}=")[2].partition(";")[0])


def error(gateway: Gateway, _: Mapping[str, object]) -> str:
    """What is not there is said in the form of all errors."""
    status, headers, body = gateway.ask("/api/v1/stocks/NO-SUCH-STOCK/chart")
    want(
        (status, headers.get_content_type()),
        (404, "application/problem+json"),
        f"an unknown stock {body[:200]}",
    )
    return "an unknown stock: 404, as problem+json"


def stream(gateway: Gateway, asked: Mapping[str, object]) -> str:
    """It begins at once."""
    symbol = str(asked["symbol"])
    if not symbol:
        return "not asked for: smoke.symbol is empty"
    status, headers, body = gateway.ask("/api/v1/stream", most=12, symbol=symbol, interval="1d")
    want((status, headers.get_content_type()), (200, "text/event-stream"), f"the stream says {body[:200]}")
    want(body.startswith("retry:"), True, f"the stream begins with {body!r}")
    return "the stream begins"


STEPS: tuple[Step, ...] = (ready, page, no_key, search, chart, limits, error, stream)


def main(url: str) -> int:
    """Say each step, and what was wanted instead."""
    asked = json.loads(Path(__file__).with_name("smoke.json").read_text())
    gateway = Gateway(url, json.loads(KEY.read_text())["key"])
    failed = 0
    for step in STEPS:
        try:
            said, good = step(gateway, asked), True
        except (FailedError, LookupError, ValueError, TypeError) as problem:
            said, good = f"{problem}", False
        failed += not good
        sys.stdout.write(f"{'ok' if good else 'FAILED':<6} {step.__name__:<8} {said}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
