"""One read of an instrument for many requests, and none that began before a request came."""

import asyncio
from typing import Any

import pytest

from stock_analysis.domain.errors import StockAnalysisError
from stock_analysis.stock.shared import SharedListings


class Store:
    """Counts its reads; each takes a moment, and sees the version that is there when it begins."""

    def __init__(self) -> None:
        self.version = 1
        self.reads = 0
        self.at_once = 0
        self.most_at_once = 0

    async def listing(self, symbol: str) -> Any:
        self.reads += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        seen = self.version
        await asyncio.sleep(0.01)
        self.at_once -= 1
        if symbol == "NONE":
            raise StockAnalysisError("unknown")
        return symbol, seen


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def shared(store: Store) -> Any:
    return SharedListings(store)  # type: ignore[arg-type]  # only `listing` is used


async def test_a_thousand_at_once_cost_one_read(shared: Any, store: Store) -> None:
    found = await asyncio.gather(*(shared.listing("AAPL") for _ in range(1000)))
    assert set(found) == {("AAPL", 1)}
    assert store.reads == 1


async def test_a_request_sees_what_was_committed_before_it_came(shared: Any, store: Store) -> None:
    first = asyncio.create_task(shared.listing("AAPL"))
    await asyncio.sleep(0.005)
    store.version = 2
    later = await asyncio.gather(*(shared.listing("AAPL") for _ in range(10)))
    assert await first == ("AAPL", 1)
    assert set(later) == {("AAPL", 2)}
    assert (store.reads, store.most_at_once) == (2, 1)


async def test_an_error_reaches_all_who_asked_and_is_not_kept(shared: Any, store: Store) -> None:
    found = await asyncio.gather(*(shared.listing("NONE") for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in found] == [StockAnalysisError] * 3
    with pytest.raises(StockAnalysisError):
        await shared.listing("NONE")
    assert store.reads == 2


async def test_who_leaves_takes_the_answer_from_nobody(shared: Any) -> None:
    leaving, staying = (asyncio.create_task(shared.listing("AAPL")) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == ("AAPL", 1)
