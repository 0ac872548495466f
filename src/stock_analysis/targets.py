"""What runs in one process: modules started after their needs and stopped before them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from graphlib import TopologicalSorter
from typing import Any

import asyncpg
from fastapi import FastAPI
from starlette.types import ASGIApp

from stock_analysis.gateway.backups import BackupPart, open_backup_part
from stock_analysis.gateway.endpoints import create_app as create_gateway
from stock_analysis.gateway.layers import KnownHosts, is_loopback
from stock_analysis.gateway.live.history import StockHistory
from stock_analysis.gateway.live.hub import Hub, live_bounds, running
from stock_analysis.gateway.live.intake import following_prices
from stock_analysis.gateway.ports import Upstream
from stock_analysis.gateway.upstream import AsgiUpstream, open_http_upstream
from stock_analysis.ingest.live.sources import Sources
from stock_analysis.ingest.repository import PostgresPriceStore
from stock_analysis.kit.cache import InMemoryCache, LayeredCache, ValkeyCache
from stock_analysis.kit.consumers import ConsumerRunner
from stock_analysis.kit.db import Role, check_database, open_pool
from stock_analysis.kit.event_logs import open_event_log
from stock_analysis.kit.events import EventLog
from stock_analysis.kit.health import Check, Health
from stock_analysis.kit.http import create_app
from stock_analysis.kit.migrations import check_schema, newest_pre, read_migrations
from stock_analysis.kit.resources import resource
from stock_analysis.kit.server import serve
from stock_analysis.kit.settings import Settings
from stock_analysis.kit.tasks import beside
from stock_analysis.kit.valkey import SharedValkey, open_valkey
from stock_analysis.relay.delivery import DELIVERY
from stock_analysis.relay.service import Relay
from stock_analysis.sentiment.collector import Collector
from stock_analysis.sentiment.endpoints import create_sentiment_app
from stock_analysis.sentiment.intake import Intake
from stock_analysis.sentiment.reading import TextReader
from stock_analysis.sentiment.repository import PostgresPostStore
from stock_analysis.sentiment.sources.catalogue import wanted as wanted_sources
from stock_analysis.stock.endpoints import create_stock_app
from stock_analysis.stock.repository import PostgresBarStore
from stock_analysis.stock.service import warm_calendars

Opened = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Module:
    """How to open a part of the process, and the modules that must be open first."""

    open: Callable[[Settings, Opened], AbstractAsyncContextManager[Any]]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """What a process serves once the modules it needs are open."""

    serve: Callable[[Settings, Opened], Awaitable[None]]
    needs: tuple[str, ...]


async def run_target(target: str, settings: Settings) -> None:
    """Open the target's modules in order, serve until told to stop, close them in reverse."""
    async with AsyncExitStack() as stack:
        opened: dict[str, Any] = {}
        for name in module_order(target):
            opened[name] = await stack.enter_async_context(MODULES[name].open(settings, opened))
        await TARGETS[target].serve(settings, opened)


def module_order(target: str) -> list[str]:
    """The target and all it needs, needs first."""
    graph: dict[str, tuple[str, ...]] = {}
    waiting = list(TARGETS[target].needs)
    while waiting:
        name = waiting.pop()
        graph[name] = MODULES[name].needs
        waiting.extend(MODULES[name].needs)
    return list(TopologicalSorter(graph).static_order())


@asynccontextmanager
async def _database(settings: Settings, _: Opened, *, role: Role) -> AsyncIterator[asyncpg.Pool]:
    async with await open_pool(settings, role, application_name="stock-analysis") as pool:
        yield pool


@asynccontextmanager
async def _valkey(settings: Settings, _: Opened) -> AsyncIterator[SharedValkey]:
    async with open_valkey(settings) as valkey:
        yield valkey


@asynccontextmanager
async def _stock_health(_: Settings, opened: Opened) -> AsyncIterator[Health]:
    store = PostgresBarStore(opened["prices"])
    needs = {"postgresql": store.check, "schema": _schema_check(opened["prices"])}
    yield Health(needs, {"valkey": opened["valkey"].check})


@asynccontextmanager
async def _stock(settings: Settings, opened: Opened) -> AsyncIterator[FastAPI]:
    far = ValkeyCache(opened["valkey"], settings.cache_ttl_s)
    cache = LayeredCache(InMemoryCache(settings.cache_local_bytes), far)
    store = PostgresBarStore(opened["prices"])
    warming = asyncio.create_task(warm_calendars(store))
    try:
        yield create_stock_app(settings, opened["stock-health"], store, cache)
    finally:
        warming.cancel()
        await asyncio.wait([warming])


@asynccontextmanager
async def _stock_in_process(_: Settings, opened: Opened) -> AsyncIterator[Upstream]:
    yield AsgiUpstream(opened["stock"])


@asynccontextmanager
async def _stock_over_http(settings: Settings, _: Opened) -> AsyncIterator[Upstream]:
    async with open_http_upstream("stock", settings.stock_url, settings) as stock:
        yield stock


@asynccontextmanager
async def _post_store(settings: Settings, opened: Opened) -> AsyncIterator[PostgresPostStore]:
    yield PostgresPostStore(opened["posts"], settings.sentiment_text_ttl_days)


@asynccontextmanager
async def _text_reader(_: Settings, opened: Opened) -> AsyncIterator[TextReader]:
    yield TextReader(opened["post-store"])


@asynccontextmanager
async def _collector(settings: Settings, opened: Opened) -> AsyncIterator[Collector]:
    store = opened["post-store"]
    intake = Intake(store, opened["text-reader"], settings.sentiment_text_ttl_days)
    collector = Collector(settings, opened["posts"], store, intake, *wanted_sources(settings))
    async with beside(collector.run()):
        yield collector


@asynccontextmanager
async def _sentiment_health(_: Settings, opened: Opened) -> AsyncIterator[Health]:
    pool = opened["posts"]
    needs: dict[str, Check] = {"postgresql": partial(check_database, pool), "schema": _schema_check(pool)}
    yield Health(needs, {"model": opened["text-reader"].check, "posts": opened["collector"].check})


@asynccontextmanager
async def _sentiment(settings: Settings, opened: Opened) -> AsyncIterator[FastAPI]:
    yield create_sentiment_app(settings, opened["sentiment-health"], opened["post-store"])


@asynccontextmanager
async def _sentiment_in_process(_: Settings, opened: Opened) -> AsyncIterator[Upstream]:
    yield AsgiUpstream(opened["sentiment"])


@asynccontextmanager
async def _sentiment_over_http(settings: Settings, _: Opened) -> AsyncIterator[Upstream | None]:
    if not settings.sentiment_url:
        yield None
        return
    async with open_http_upstream("sentiment", settings.sentiment_url, settings) as sentiment:
        yield sentiment


@asynccontextmanager
async def _events(settings: Settings, _: Opened) -> AsyncIterator[EventLog]:
    async with open_event_log(settings) as log:
        yield log


@asynccontextmanager
async def _relay(settings: Settings, opened: Opened) -> AsyncIterator[Relay]:
    relay = Relay(settings, opened["events"])
    async with beside(relay.run()):
        yield relay


@asynccontextmanager
async def _delivery(settings: Settings, opened: Opened) -> AsyncIterator[ConsumerRunner]:
    runner = ConsumerRunner(settings, opened["events"], DELIVERY, Role.RELAY)
    async with beside(runner.run()):
        yield runner


@asynccontextmanager
async def _backups(settings: Settings, _: Opened) -> AsyncIterator[BackupPart]:
    async with open_backup_part(settings) as part:
        yield part


def _schema_check(pool: asyncpg.Pool) -> Check:
    return partial(check_schema, pool, newest_pre(read_migrations(resource("migrations"))))


async def _serve_stock(settings: Settings, opened: Opened) -> None:
    app: ASGIApp = opened["stock"]
    if is_loopback(settings.stock_host):
        app = KnownHosts(app, settings.trusted_hosts)
    here = settings.model_copy(update={"host": settings.stock_host})
    await serve(app, opened["stock-health"], here, port=settings.stock_port)


async def _serve_sentiment(settings: Settings, opened: Opened) -> None:
    app: ASGIApp = opened["sentiment"]
    if is_loopback(settings.sentiment_host):
        app = KnownHosts(app, settings.trusted_hosts)
    here = settings.model_copy(update={"host": settings.sentiment_host})
    await serve(app, opened["sentiment-health"], here, port=settings.sentiment_port)


async def _serve_relay(settings: Settings, opened: Opened) -> None:
    relay, delivery, pool = opened["relay"], opened["delivery"], opened["outbox"]
    needs: dict[str, Check] = {
        "postgresql": partial(check_database, pool),
        "schema": _schema_check(pool),
    }
    health = Health(needs, {"events": relay.check, "delivery": delivery.check})
    app: ASGIApp = create_app("relay", settings, health, (), {})
    if is_loopback(settings.relay_host):
        app = KnownHosts(app, settings.trusted_hosts)
    here = settings.model_copy(update={"host": settings.relay_host})
    await serve(app, health, here, port=settings.relay_port)


async def _serve_gateway(settings: Settings, opened: Opened, *, upstream: str, target: str) -> None:
    stock, pool, valkey = opened[f"stock-{upstream}"], opened["keys"], opened["valkey"]
    sentiment = opened[f"sentiment-{upstream}"]
    database = PostgresBarStore(pool)
    needs = {"stock": stock.check, "postgresql": database.check, "schema": _schema_check(pool)}
    wanted: dict[str, Check] = {"valkey": valkey.check}
    if sentiment is not None:
        wanted["sentiment"] = sentiment.check
    if "collector" in opened:
        wanted |= {"model": opened["text-reader"].check, "posts": opened["collector"].check}
    if "relay" in opened:
        wanted |= {"events": opened["relay"].check, "delivery": opened["delivery"].check}
    hub = Hub(StockHistory(stock), live_bounds(settings))
    wanted["live"] = hub.check
    sources = None
    if "price-store" in opened and settings.live_sources:
        sources = Sources(settings, opened["price-store"], opened["events"])
        wanted["sources"] = sources.check
    health = Health(needs, wanted)
    app = create_gateway(
        *(settings, stock, health, pool, valkey, opened["backups"]),
        target=target,
        hub=hub,
        sentiment=sentiment,
    )
    async with (
        running(hub),
        following_prices(opened["events"], hub),
        app.running(),
        sources.running() if sources else nullcontext(),
    ):
        await serve(app, health, settings, port=settings.port)


async def _serve_live(settings: Settings, opened: Opened) -> None:
    """Without a source it waits, healthy, for settings that name one."""
    pool, events = opened["writer"], opened["events"]
    sources = Sources(settings, opened["price-store"], events)
    needs: dict[str, Check] = {"postgresql": partial(check_database, pool)}
    health = Health(needs, {"events": events.check, "sources": sources.check})
    app: ASGIApp = create_app("live", settings, health, (), {})
    if is_loopback(settings.live_host):
        app = KnownHosts(app, settings.trusted_hosts)
    here = settings.model_copy(update={"host": settings.live_host})
    async with sources.running():
        await serve(app, health, here, port=settings.live_port)


@asynccontextmanager
async def _price_store(_: Settings, opened: Opened) -> AsyncIterator[PostgresPriceStore]:
    yield PostgresPriceStore(opened["writer"])


MODULES = {
    "prices": Module(partial(_database, role=Role.READER)),
    "keys": Module(partial(_database, role=Role.GATEWAY)),
    "outbox": Module(partial(_database, role=Role.RELAY)),
    "valkey": Module(_valkey),
    "stock-health": Module(_stock_health, ("prices", "valkey")),
    "stock": Module(_stock, ("stock-health", "prices", "valkey")),
    "stock-in-process": Module(_stock_in_process, ("stock",)),
    "stock-over-http": Module(_stock_over_http),
    "posts": Module(partial(_database, role=Role.SENTIMENT)),
    "post-store": Module(_post_store, ("posts",)),
    "text-reader": Module(_text_reader, ("post-store",)),
    "collector": Module(_collector, ("posts", "post-store", "text-reader")),
    "sentiment-health": Module(_sentiment_health, ("posts", "text-reader", "collector")),
    "sentiment": Module(_sentiment, ("sentiment-health", "post-store")),
    "sentiment-in-process": Module(_sentiment_in_process, ("sentiment",)),
    "sentiment-over-http": Module(_sentiment_over_http),
    "events": Module(_events),
    "relay": Module(_relay, ("events",)),
    "delivery": Module(_delivery, ("events",)),
    "backups": Module(_backups),
    "writer": Module(partial(_database, role=Role.WRITER)),
    "price-store": Module(_price_store, ("writer",)),
}
TARGETS = {
    "stock": Target(_serve_stock, ("stock",)),
    "sentiment": Target(_serve_sentiment, ("sentiment",)),
    "relay": Target(_serve_relay, ("relay", "delivery", "outbox")),
    "gateway": Target(
        partial(_serve_gateway, upstream="over-http", target="gateway"),
        ("stock-over-http", "sentiment-over-http", "keys", "valkey", "backups", "events"),
    ),
    "all": Target(
        partial(_serve_gateway, upstream="in-process", target="all"),
        (
            *("stock-in-process", "sentiment-in-process", "keys", "valkey", "backups", "events"),
            *("relay", "delivery", "price-store"),
        ),
    ),
    "live": Target(_serve_live, ("price-store", "writer", "events")),
}
