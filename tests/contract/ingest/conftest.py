"""Both price stores, by one name."""

from collections.abc import AsyncIterator

import pytest

from stock_analysis.ingest.ports import PriceStore
from stock_analysis.ingest.repository import PostgresPriceStore
from stock_analysis.kit.db import Role, open_pool
from tests.unit.ingest.memory_store import InMemoryPriceStore


@pytest.fixture(params=["memory", pytest.param("postgresql", marks=pytest.mark.server)])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[PriceStore]:
    if request.param == "memory":
        yield InMemoryPriceStore()
        return
    pool = await open_pool(request.getfixturevalue("database"), Role.WRITER, application_name="test")
    yield PostgresPriceStore(pool)
    await pool.close()
