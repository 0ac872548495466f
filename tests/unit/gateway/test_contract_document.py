import asyncio
import gzip

import orjson
import pytest
from starlette.types import Receive, Scope, Send

from stock_analysis.domain.errors import UnavailableError
from stock_analysis.gateway import ports as gateway
from stock_analysis.gateway.service import CONTRACT_FOR_S, Contract
from stock_analysis.gateway.upstream import AsgiUpstream
from tests.unit.gateway.calls import echo_app


class Service:
    """A stock-service that gives its contract while it is up."""

    def __init__(self) -> None:
        self.up = True
        self.asked = 0
        self.summary = "first"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        body = orjson.dumps(
            {"paths": {"/api/v1/stocks": {"get": {"summary": self.summary, "responses": {}}}}}
        )
        await echo_app(status=200 if self.up else 503, body=body)(scope, receive, send)


class Bench:
    def __init__(self) -> None:
        self.now = 0.0
        self.made = 0
        self.service = Service()
        services = [gateway.Service("stock", AsgiUpstream(self.service), ("/api/v1/stocks",))]
        self.contract = Contract(services, lambda: self.now)

    def own(self) -> dict[str, object]:
        self.made += 1
        return {"info": {"title": "test"}, "paths": {}}

    async def summary(self) -> str:
        document = orjson.loads((await self.contract.current(self.own)).plain.body)
        found: str = document["paths"]["/api/v1/stocks"]["get"]["summary"]
        return found


async def test_many_at_once_and_after_one_another_make_it_once() -> None:
    bench = Bench()
    await asyncio.gather(*(bench.summary() for _ in range(20)))
    await bench.summary()
    assert (bench.service.asked, bench.made) == (1, 1)


async def test_a_service_of_a_newer_version_is_seen_in_time() -> None:
    bench = Bench()
    assert await bench.summary() == "first"
    bench.service.summary = "second"
    bench.now = CONTRACT_FOR_S
    assert await bench.summary() == "second"


async def test_while_the_service_is_down_the_one_of_before_is_given() -> None:
    bench = Bench()
    await bench.summary()
    bench.service.up = False
    bench.now = CONTRACT_FOR_S
    assert await bench.summary() == "first"


async def test_without_any_it_says_so_and_asks_again_at_once() -> None:
    bench = Bench()
    bench.service.up = False
    with pytest.raises(UnavailableError):
        await bench.summary()
    bench.service.up = True
    assert await bench.summary() == "first"


async def test_it_is_kept_compressed_too() -> None:
    file = await Bench().contract.current(Bench().own)
    assert file.gzipped is not None
    assert gzip.decompress(file.gzipped.body) == file.plain.body
