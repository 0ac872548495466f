"""What PostgreSQL or its driver refuses is said, and not tried again as if the connection were broken."""

import asyncpg
import pytest

from stock_analysis.domain.errors import StockAnalysisError, UnavailableError
from stock_analysis.ingest.repository import PostgresPriceStore


async def test_a_value_that_the_driver_refuses_is_no_interruption(pool: asyncpg.Pool) -> None:
    with pytest.raises(StockAnalysisError, match="refused: invalid input") as caught:
        await PostgresPriceStore(pool).open_run("prices.csv", b"s" * 32, "1d", 1 << 70)
    assert not isinstance(caught.value, UnavailableError)


async def test_a_value_that_the_server_refuses_is_no_interruption(pool: asyncpg.Pool) -> None:
    with pytest.raises(StockAnalysisError, match="refused") as caught:
        await PostgresPriceStore(pool).open_run("prices.csv", b"s" * 32, "5y", 1)
    assert not isinstance(caught.value, UnavailableError)
