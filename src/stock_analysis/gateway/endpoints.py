"""The one public door: what it lets through to which service, and what it answers itself."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from fastapi import APIRouter, Request
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from stock_analysis.domain.errors import UnavailableError
from stock_analysis.gateway import schemas
from stock_analysis.gateway.access import Access, may_operate
from stock_analysis.gateway.backups import BackupPart, BackupsNotManagedError
from stock_analysis.gateway.keys import KeyRing
from stock_analysis.gateway.layers import KnownHosts, SecurityHeaders, requires_key
from stock_analysis.gateway.limits import FallbackCounter, InMemoryCounter, Limiter, ValkeyCounter
from stock_analysis.gateway.live.door import LiveDoor
from stock_analysis.gateway.live.hub import Hub
from stock_analysis.gateway.pages import Pages, file_response
from stock_analysis.gateway.peppers import Peppers
from stock_analysis.gateway.ports import Service, Upstream
from stock_analysis.gateway.repository import PostgresKeyStore
from stock_analysis.gateway.service import Contract, Operator
from stock_analysis.gateway.session_endpoints import session_router
from stock_analysis.gateway.sessions import Sessions
from stock_analysis.kit.health import Health, health_router
from stock_analysis.kit.http import Bounds, HeadAsGet, Observed, create_routes
from stock_analysis.kit.resources import resource
from stock_analysis.kit.settings import Settings, secret
from stock_analysis.kit.shedding import Shedding
from stock_analysis.kit.valkey import SharedValkey

STOCK_PATHS = (
    "/api/v1/stocks",
    "/api/v1/stocks/{symbol}",
    "/api/v1/stocks/{symbol}/bars",
    "/api/v1/stocks/{symbol}/indicators",
    "/api/v1/stocks/{symbol}/chart",
    "/api/v1/stocks/{symbol}/quarantine",
    "/api/v1/indicators",
)
"""What the stock-service shows to the public; its other paths are for the gateway alone."""

SENTIMENT_PATHS = (
    "/api/v1/sentiment",
    "/api/v1/sentiment/{symbol}",
    "/api/v1/sentiment/{symbol}/posts",
    "/api/v1/sentiment-sources",
)
"""The same of the sentiment-service."""


@dataclass(frozen=True, slots=True)
class Route:
    """A path template, which is also the label of its metrics, and who answers it."""

    path: str
    app: ASGIApp


class Door:
    """Sends each request to the route of its path, everything under /api that has none to `own`."""

    def __init__(self, routes: list[Route], own: ASGIApp, pages: ASGIApp) -> None:
        patterns = (re.sub(r"\\{\w+\\}", "[^/]+", re.escape(route.path)) for route in routes)
        self._pattern = re.compile("|".join(f"({pattern})" for pattern in patterns))
        self._routes = routes
        self._own = own
        self._pages = Route("/{page}", pages)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        match = self._pattern.fullmatch(scope.get("path", ""))
        if match is not None and match.lastindex is not None:
            route = self._routes[match.lastindex - 1]
        elif scope["type"] != "http" or f"{scope['path']}/".startswith("/api/"):
            await self._own(scope, receive, send)
            return
        else:
            route = self._pages
        scope["route"] = route
        await route.app(scope, receive, send)


def create_app(
    settings: Settings,
    stock: Upstream,
    health: Health,
    pool: asyncpg.Pool,
    valkey: SharedValkey,
    backups: BackupPart,
    *,
    target: str = "gateway",
    hub: Hub | None = None,
    sentiment: Upstream | None = None,
) -> "Gateway":
    """The gateway in front of the services. target: what this process was started as. hub: of the live
    stream, None = there is none. sentiment: the sentiment-service, None = there is none.
    """
    services = [Service("stock", stock, STOCK_PATHS)]
    if sentiment is not None:
        services.append(Service("sentiment", sentiment, SENTIMENT_PATHS, is_needed=False))
    operator = Operator(target, stock, health, backups)
    sessions = Sessions(secret(settings, "session_key"))
    routers = (
        health_router(health, may_operate),
        _gateway_router(operator, services, backups),
        session_router(sessions),
    )
    answers = create_routes("stock-analysis", routers, _ERROR_STATUS, openapi_url=None)
    own = HeadAsGet(answers)
    routes = [Route(path, service.upstream) for service in services for path in service.paths]
    routes += [Route(path, own) for path in (*answers.openapi()["paths"], "/openapi.json")]
    app: ASGIApp = Door(routes, own, Pages(resource("frontend")))
    app = Bounds(app, settings)
    live = None
    if hub is not None:
        app = live = LiveDoor(app, hub, health, settings.cors_origins)
    app = Access(app, _ring(settings, pool), _limiter(settings, valkey), sessions)
    if settings.cors_origins:
        app = _cors(app, settings.cors_origins)
    if not requires_key(settings):
        app = KnownHosts(app, settings.trusted_hosts)
    return Gateway(Observed(SecurityHeaders(Shedding(app, settings.patience_s)), "gateway"), live)


class Gateway:
    """The application, and what has to run beside it."""

    def __init__(self, app: ASGIApp, live: LiveDoor | None) -> None:
        self._app = app
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._app(scope, receive, send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the live stream's clients informed meanwhile."""
        if self._live is None:
            yield
            return
        beating = asyncio.create_task(self._live.run())
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.wait([beating])


_ERROR_STATUS = {UnavailableError: 503, BackupsNotManagedError: 404}


def _gateway_router(operator: Operator, services: Sequence[Service], part: BackupPart) -> APIRouter:
    router = APIRouter()
    document = Contract(services)

    @router.get("/api/v1/operations", summary="State of the platform", tags=["operations"])
    async def operations() -> schemas.Operations:
        return await operator.report()

    @router.get("/api/v1/operations/backups", summary="State of the backups", tags=["operations"])
    async def backups() -> schemas.Backups:
        return await part.report()

    @router.get("/openapi.json", include_in_schema=False)
    async def contract(request: Request) -> Response:
        return file_response(await document.current(request.app.openapi), request.scope)

    return router


def _ring(settings: Settings, pool: asyncpg.Pool) -> KeyRing | None:
    if not requires_key(settings):
        return None
    return KeyRing(PostgresKeyStore(pool), peppers=Peppers(secret(settings, "api_key_pepper")))


def _limiter(settings: Settings, valkey: SharedValkey) -> Limiter | None:
    if not settings.rate_limit_per_minute:
        return None
    counter = FallbackCounter(ValkeyCounter(valkey), InMemoryCounter())
    return Limiter(counter, settings.rate_limit_per_minute)


def _cors(app: ASGIApp, origins: tuple[str, ...]) -> ASGIApp:
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "HEAD"],
        allow_headers=["Authorization", "X-API-Key", "X-Request-ID", "If-None-Match"],
        expose_headers=["ETag", "X-Request-ID", "Retry-After", "RateLimit", "RateLimit-Policy"],
    )
