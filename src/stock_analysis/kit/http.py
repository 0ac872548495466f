"""What every HTTP service shares: request ids, logs, metrics, bounds, and errors as problem+json."""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import lru_cache
from typing import Any

import structlog
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stock_analysis import __version__
from stock_analysis.kit import metrics
from stock_analysis.kit.health import Health, health_router
from stock_analysis.kit.parameters import refuse_unknown_parameters
from stock_analysis.kit.problems import PROBLEM_RESPONSES, problem
from stock_analysis.kit.request_id import REQUEST_ID_HEADER, current_request_id, usable_or_new
from stock_analysis.kit.settings import Settings

log = structlog.get_logger(__name__)

KEY_PREFIX = "stock_analysis.key_prefix"
"""Where in an ASGI scope the prefix of the caller's API key is, for the log."""

OBSERVED = "stock_analysis.observed"
"""In an ASGI scope where a layer further out gives the request its id and log line."""

_BOUNDED = "stock_analysis.bounded"
_WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")
_PROBES = frozenset({"/livez", "/readyz", "/health", "/metrics"})

_DETAILS = {
    "Not Found": "there is nothing at this path; /openapi.json lists what there is",
    "Method Not Allowed": "this path does not take that method; the header Allow lists those it takes",
}
"""Starlette's details say no more than the status."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    service: str,
    settings: Settings,
    health: Health,
    routers: Sequence[APIRouter],
    error_status: Mapping[type[Exception], int],
    *,
    inner: Sequence[Middleware] = (),
) -> FastAPI:
    """A service with the shared routes, bounds and error answers.

    error_status: HTTP status of each exception that a route may raise; its message is the detail.
    inner: the service's own layers, between the shared ones and the routes, outermost last.
    """
    app = create_routes(service, (health_router(health), *routers), error_status)
    for layer in inner:
        app.add_middleware(layer.cls, *layer.args, **layer.kwargs)
    app.add_middleware(HeadAsGet)
    app.add_middleware(Bounds, settings=settings)
    app.add_middleware(Observed, service=service)
    return app


def create_routes(
    service: str,
    routers: Sequence[APIRouter],
    error_status: Mapping[type[Exception], int],
    lifespan: Lifespan | None = None,
    openapi_url: str | None = "/openapi.json",
) -> FastAPI:
    """Routes and error answers alone, for an application that brings its own layers around them."""
    app = FastAPI(
        title=service,
        version=__version__,
        lifespan=lifespan,
        openapi_url=openapi_url,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for router in routers:
        app.include_router(router, dependencies=[Depends(refuse_unknown_parameters)])
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    for error, status in error_status.items():
        app.add_exception_handler(error, _answer_with(status))
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return app


@lru_cache(maxsize=256)
def accepts_gzip(value: str) -> bool:
    """Whether an Accept-Encoding header takes gzip, by RFC 9110; a weight that is no number is none.

    Not whether gzip is what it likes best: who takes it at all, gets it.
    """
    weights = dict(_weighed(item) for item in value.lower().split(",") if item.strip())
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _weighed(item: str) -> tuple[str, float]:
    coding, *parameters = (part.strip() for part in item.split(";"))
    weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
    return coding, float(weight) if _WEIGHT.fullmatch(weight) else 0.0


class HeadAsGet:
    """Answers HEAD as GET without the body, as RFC 9110 asks; routes then declare GET alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, as GET where it is HEAD."""
        if scope.get("method") != "HEAD":
            await self._app(scope, receive, send)
            return
        # A copy, because the server reads the method of its own scope when it writes the answer.
        as_get = {**scope, "method": "GET"}
        try:
            await self._app(as_get, receive, _without_body(send))
        finally:
            if "route" in as_get:
                scope["route"] = as_get["route"]


def _without_body(send: Send) -> Send:
    async def head_send(message: Message) -> None:
        if message["type"] == "http.response.body":
            if message.get("more_body", False):
                return
            message = {**message, "body": b""}
        await send(message)

    return head_send


class Bounds:
    """Bounds the body's size and the time of a request, the reading of a slow client included."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._max_bytes = settings.max_request_bytes
        self._timeout_s = settings.request_timeout_s
        self._too_large = f"the request body is larger than {self._max_bytes} bytes"
        self._too_slow = (
            f"no answer within {self._timeout_s:g} s; ask for less (a shorter range, fewer indicators)"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on within the bounds, else answer 413 or 504."""
        if scope["type"] != "http" or _BOUNDED in scope:
            await self._app(scope, receive, send)
            return
        scope[_BOUNDED] = True
        exchange = _BoundedExchange(scope, receive, send, self._max_bytes)
        if _content_length(scope) > self._max_bytes:
            await exchange.refuse(413, self._too_large)
        else:
            await self._pass_on(scope, exchange)

    async def _pass_on(self, scope: Scope, exchange: "_BoundedExchange") -> None:
        try:
            async with asyncio.timeout(self._timeout_s) as bound:
                await self._app(scope, exchange.receive, exchange.send)
        except _BodyTooLargeError:
            await exchange.refuse(413, self._too_large)
        except TimeoutError:
            if not bound.expired():
                raise
            await exchange.refuse(504, self._too_slow)


class _BoundedExchange:
    """The two directions of one request: what was received so far, and whether the answer has begun."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, max_bytes: int) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._bytes_left = max_bytes
        self._started = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._bytes_left -= len(message.get("body", b""))
        if self._bytes_left < 0:
            raise _BodyTooLargeError(413)
        return message

    async def send(self, message: Message) -> None:
        self._started = True
        await self._send(message)

    async def refuse(self, status: int, detail: str) -> None:
        """The error answer. One that has begun is left unfinished: the server then closes the connection."""
        path = self._scope["path"]
        if self._started:
            log.warning("answer cut off", path=path, reason=detail)
            return
        response = problem(status, detail, instance=path, headers={"connection": "close"})
        await response(self._scope, self._receive, self._send)


class _BodyTooLargeError(HTTPException):
    """FastAPI lets an HTTPException pass while it reads a body, and no other."""


def _content_length(scope: Scope) -> int:
    given = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(given) if given.isdigit() else 0


class Observed:
    """Gives each request its id, log line and metrics, and an answer even to an unforeseen error.

    Inside another of its kind (a service called in process) it counts for its service and leaves id and
    log line to the outer one.
    """

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif OBSERVED in scope:
            await self._measure(scope, receive, send)
        else:
            scope[OBSERVED] = True
            await self._identify(scope, receive, send)

    async def _identify(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = usable_or_new(next((v for k, v in scope["headers"] if k == REQUEST_ID_HEADER), None))
        header = (REQUEST_ID_HEADER, request_id.encode())

        async def tagging_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        token = current_request_id.set(request_id)
        started = time.perf_counter()
        status = 0
        try:
            status = await self._measure(scope, receive, tagging_send)
        finally:
            _log_request(scope, status, time.perf_counter() - started)
            current_request_id.reset(token)

    async def _measure(self, scope: Scope, receive: Receive, send: Send) -> int:
        started = time.perf_counter()
        status = 0

        async def noting_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        except Exception:
            # An answer that has begun is left unfinished: the server then closes the connection.
            log.exception("request failed", path=scope["path"])
            if not status:
                detail = "an error of ours, not of yours; it is in the log under this request_id"
                await problem(500, detail, instance=scope["path"])(scope, receive, noting_send)
        finally:
            endpoint = getattr(scope.get("route"), "path", "unmatched")
            seconds = time.perf_counter() - started
            metrics.observe(self._service, scope["method"], endpoint, status, seconds)
        return status


def _log_request(scope: Scope, status: int, seconds: float) -> None:
    fields = {"key_prefix": scope[KEY_PREFIX]} if KEY_PREFIX in scope else {}
    log.log(
        logging.DEBUG if scope["path"] in _PROBES else logging.INFO,
        "request",
        method=scope["method"],
        path=scope["path"],
        status=status,
        duration_ms=round(seconds * 1000, 3),
        client=scope["client"][0] if scope.get("client") else None,
        **fields,
    )


def _flat(routes: Iterable[Any]) -> Iterator[Any]:
    """FastAPI keeps the routes of a router that it includes inside that."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        yield from _flat(inner.routes) if inner is not None else (route,)


def _methods(request: Request, told: str) -> set[str]:
    """All that the path takes: the router alone has told those of its first route."""
    found = set(told.split(", "))
    for route in _flat(request.app.routes):
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    return found | {"HEAD"} if "GET" in found else found  # see HeadAsGet


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - the handler is registered for this type alone
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if "allow" in headers:
        headers["allow"] = ", ".join(sorted(_methods(request, headers["allow"])))
    detail = _DETAILS.get(error.detail, error.detail)
    return problem(error.status_code, detail, instance=request.url.path, headers=headers)


async def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - the handler is registered for this type alone
    found = error.errors()
    places = [{"field": ".".join(map(str, one["loc"])), "message": one["msg"]} for one in found]
    status = 422 if any(one["loc"][0] == "body" for one in found) else 400
    detail = "; ".join(f"{place['field']}: {place['message']}" for place in places)
    return problem(status, detail, instance=request.url.path, errors=places)


def _answer_with(status: int) -> Callable[[Request, Exception], Any]:
    async def answer(request: Request, error: Exception) -> Response:
        return problem(status, str(error), instance=request.url.path)

    return answer


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's schema with our errors in the place of its 422."""
    if app.openapi_schema is None:
        schema = FastAPI.openapi(app)
        for path, operations in schema["paths"].items():
            if path.startswith("/api/"):
                for operation in operations.values():
                    operation["responses"].pop("422", None)
                    operation["responses"] = PROBLEM_RESPONSES | operation["responses"]
        app.openapi_schema = schema
    return app.openapi_schema
