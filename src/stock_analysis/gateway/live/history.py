"""Stored bars, asked of the stock-service."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

import numpy as np
import orjson
from numpy.typing import NDArray

from stock_analysis.domain.bars import Adjustment, Interval
from stock_analysis.domain.errors import InvalidInputError, UnavailableError, UnknownInstrumentError
from stock_analysis.gateway.ports import Upstream
from stock_analysis.gateway.upstream import fetch

PAGE_BARS = 50_000
MOST_PAGES = 4
"""Beyond so many bars a history is not whole, and is said not to be."""

_COLUMNS = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}

Columns = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Stored:
    """Bars as the stock-service gives them. whole: from the first stored one on."""

    t: NDArray[np.int64]
    columns: Columns
    whole: bool

    def before(self, t: int) -> "Stored":
        """Those that start before an instant."""
        return self._cut(slice(0, int(np.searchsorted(self.t, t, side="left"))))

    def since(self, t: int) -> "Stored":
        """Those that start at an instant or later."""
        return self._cut(slice(int(np.searchsorted(self.t, t, side="left")), None))

    def _cut(self, rows: slice) -> "Stored":
        return Stored(self.t[rows], {name: one[rows] for name, one in self.columns.items()}, self.whole)


class History(Protocol):
    """Where stored bars come from."""

    async def bars(
        self, symbol: str, interval: Interval, adjustment: Adjustment, since: int | None = None
    ) -> Stored:
        """Bars from an instant (epoch seconds) on, or all.

        Raises UnknownInstrumentError, UnavailableError.
        """
        ...


class StockHistory:
    """Of the stock-service."""

    def __init__(self, stock: Upstream) -> None:
        self._stock = stock

    async def bars(
        self, symbol: str, interval: Interval, adjustment: Adjustment, since: int | None = None
    ) -> Stored:
        """Bars from an instant (epoch seconds) on, or all.

        Raises UnknownInstrumentError, UnavailableError.
        """
        begin = "" if since is None else f"&from={since}"
        pages: list[Stored] = []
        end = ""
        for _ in range(MOST_PAGES):
            page, earlier = await self._page(
                f"/api/v1/stocks/{quote(symbol, safe='')}/bars?interval={interval}&adjustment={adjustment}"
                f"&limit={PAGE_BARS}{begin}{end}",
                symbol,
            )
            pages.insert(0, page)
            if not earlier or not len(page.t) or since is not None:
                return _joined(pages, whole=True)
            end = f"&to={int(page.t[0]) - 1}"
        return _joined(pages, whole=False)

    async def _page(self, path: str, symbol: str) -> tuple[Stored, bool]:
        answer = await fetch(self._stock, path)
        if answer.status == 404:
            raise UnknownInstrumentError(symbol)
        if answer.status != 200:
            detail = _detail(answer.body)
            if answer.status == 400:
                raise InvalidInputError(detail)
            raise UnavailableError("the stock-service", detail or f"it answers {answer.status}")
        found = orjson.loads(answer.body)
        columns = {name: np.array(found[short], np.float64) for name, short in _COLUMNS.items()}
        return Stored(np.array(found["t"], np.int64), columns, whole=True), bool(found["has_earlier"])


def _detail(body: bytes) -> str:
    try:
        return str(orjson.loads(body)["detail"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""


def _joined(pages: list[Stored], *, whole: bool) -> Stored:
    columns = {name: np.concatenate([page.columns[name] for page in pages]) for name in _COLUMNS}
    return Stored(np.concatenate([page.t for page in pages]), columns, whole)
