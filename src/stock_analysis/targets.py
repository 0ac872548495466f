"""What runs in one process: modules started after their needs and stopped before them."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from graphlib import TopologicalSorter
from typing import Any

import asyncpg
from fastapi import FastAPI
from valkey.asyncio import Valkey

from stock_analysis.kit.cache import (
    Cache,
    InMemoryCache,
    LayeredCache,
    ValkeyCache,
    check_valkey,
    open_valkey,
)
from stock_analysis.kit.db import open_pool
from stock_analysis.kit.health import Health
from stock_analysis.kit.http import create_app
from stock_analysis.kit.server import serve
from stock_analysis.kit.settings import Settings
from stock_analysis.stock.endpoints import ERROR_STATUS, stock_router
from stock_analysis.stock.repository import PostgresBarStore

Opened = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Module:
    """How to open a part of the process, and the modules that must be open first."""

    open: Callable[[Settings, Opened], AbstractAsyncContextManager[Any]]
    needs: tuple[str, ...] = ()


async def run_target(target: str, settings: Settings) -> None:
    """Open the target's modules in order, serve until told to stop, close them in reverse."""
    async with AsyncExitStack() as stack:
        opened: dict[str, Any] = {}
        for name in module_order(target):
            opened[name] = await stack.enter_async_context(MODULES[name].open(settings, opened))


def module_order(target: str) -> list[str]:
    """The target and all it needs, needs first."""
    graph: dict[str, tuple[str, ...]] = {}
    waiting = [TARGETS[target]]
    while waiting:
        name = waiting.pop()
        graph[name] = MODULES[name].needs
        waiting.extend(MODULES[name].needs)
    return list(TopologicalSorter(graph).static_order())


@asynccontextmanager
async def _database(settings: Settings, _: Opened) -> AsyncIterator[asyncpg.Pool]:
    async with await open_pool(settings, application_name="stock-analysis") as pool:
        yield pool


@asynccontextmanager
async def _valkey(settings: Settings, _: Opened) -> AsyncIterator[Valkey]:
    async with open_valkey(settings) as client:
        yield client


@asynccontextmanager
async def _stock_health(_: Settings, opened: Opened) -> AsyncIterator[Health]:
    store = PostgresBarStore(opened["database"])
    yield Health({"postgresql": store.check}, {"valkey": partial(check_valkey, opened["valkey"])})


@asynccontextmanager
async def _stock(settings: Settings, opened: Opened) -> AsyncIterator[FastAPI]:
    far = ValkeyCache(opened["valkey"], settings.cache_ttl_s)
    cache: Cache = LayeredCache(InMemoryCache(settings.cache_local_bytes), far)
    router = stock_router(PostgresBarStore(opened["database"]), cache)
    yield create_app("stock", settings, opened["stock-health"], [router], ERROR_STATUS)


@asynccontextmanager
async def _stock_server(settings: Settings, opened: Opened) -> AsyncIterator[None]:
    await serve(opened["stock"], opened["stock-health"], settings, port=settings.stock_port)
    yield


MODULES = {
    "database": Module(_database),
    "valkey": Module(_valkey),
    "stock-health": Module(_stock_health, ("database", "valkey")),
    "stock": Module(_stock, ("stock-health", "database", "valkey")),
    "stock-server": Module(_stock_server, ("stock", "stock-health")),
}
TARGETS = {"stock": "stock-server"}
