"""A source, the whole platform in a process of its own, and its one door: a post comes and goes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.platform import Platform
from stock_analysis.testing.valkey import ValkeyServer
from tests.contract.sentiment.loopback import Script, served
from tests.contract.sentiment.test_source_contract import commit
from tests.integration.sentiment.conftest import Bench

PATIENCE_S = 90


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    async with served() as found:
        yield found


def told(number: int, operation: str = "create") -> dict[str, object]:
    now = datetime.now(UTC)
    text = f"$AAPL beats estimates and raises its guidance, secretword{number}"
    message = commit(number, operation, text=text, createdAt=now.isoformat())
    return message | {"time_us": int(now.timestamp() * 1e6)}


async def until(url: str, path: str, holds: Callable[[Any], bool]) -> Any:
    """The answer, once it is so."""
    async with httpx.AsyncClient(base_url=url, timeout=20) as api, asyncio.timeout(PATIENCE_S):
        while True:
            answer = await api.get(f"/api/v1{path}")
            assert answer.status_code == 200, answer.text
            if holds(answer.json()):
                return answer.json()
            await asyncio.sleep(0.3)


async def test_a_post_comes_is_shown_and_is_gone_when_its_source_deletes_it(
    bench: Bench, script: Script, valkey: ValkeyServer
) -> None:
    own = {
        "sentiment_sources": ("bluesky", "x"),
        "sentiment_bluesky_url": script.url.replace("http", "ws"),
    }
    script.messages = [told(1), told(2)]
    settings = Settings.model_validate(valkey.add_to(bench.settings).model_dump() | own)
    platform = await asyncio.to_thread(Platform, settings)
    try:
        found = await until(platform.url, "/sentiment/AAPL/posts", lambda one: one["total"] == 2)
        assert not found["sample"]
        assert "secretword1" in str(found)
        script.messages = [told(1, "delete")]
        after = await until(platform.url, "/sentiment/AAPL/posts", lambda one: one["total"] == 1)
        assert "secretword1" not in str(after)
        parts = (await until(platform.url, "/operations", lambda _: True))["parts"]
        [posts] = [one for one in parts if one["name"] == "posts"]
        assert "x needs sentiment_x_token" in posts["reason"]
        sources = (await until(platform.url, "/sentiment-sources", lambda _: True))["items"]
        assert {one["name"] for one in sources if one["configured"]} == {"bluesky", "x"}
        assert "secretword" not in platform.log
    finally:
        await asyncio.to_thread(platform.remove)
    assert "secretword1" not in await bench.everything()
