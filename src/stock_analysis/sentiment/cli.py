"""The commands `stock-analysis sentiment ...`."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from stock_analysis.kit.db import Role, open_pool
from stock_analysis.kit.settings import load_settings
from stock_analysis.sentiment.repository import PostgresPostStore
from stock_analysis.sentiment.sample import load_sample

T = TypeVar("T")


def load_sample_posts(config: Path | None) -> None:
    """Store the posts of the sample where there are none yet; part of `import-sample`."""
    run_with_store(config, load_sample)


def run_with_store(config: Path | None, work: Callable[[PostgresPostStore], Awaitable[T]]) -> T:
    """Do work on the store of these settings, under the role of the sentiment-service."""

    async def run() -> T:
        settings = load_settings(config).settings
        async with await open_pool(settings, Role.SENTIMENT, application_name="stock-analysis") as pool:
            return await work(PostgresPostStore(pool, settings.sentiment_text_ttl_days))

    return asyncio.run(run())
