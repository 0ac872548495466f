"""What every HTTP service shares: request ids, logs, metrics, bounds, and errors as problem+json."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stock_analysis import __version__
from stock_analysis.kit import metrics
from stock_analysis.kit.health import Health, health_router
from stock_analysis.kit.problems import PROBLEM_RESPONSES, problem
from stock_analysis.kit.request_id import REQUEST_ID_HEADER, current_request_id, usable_or_new
from stock_analysis.kit.settings import Settings

log = structlog.get_logger(__name__)

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    service: str,
    settings: Settings,
    health: Health,
    routers: Sequence[APIRouter],
    error_status: Mapping[type[Exception], int],
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """A service with the shared routes, bounds and error answers.

    error_status: HTTP status of each exception that a route may raise; its message is the detail.
    """
    app = FastAPI(title=service, version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    for router in (health_router(health), *routers):
        app.include_router(router)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    for error, status in error_status.items():
        app.add_exception_handler(error, _answer_with(status))
    app.add_middleware(_Bounds, settings=settings)
    app.add_middleware(_Observed, service=service)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return app


class _Bounds:
    """Bounds the body's size and the time of a request."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._max_bytes = settings.max_request_bytes
        self._timeout_s = settings.request_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0
        started = False

        async def bounded_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise HTTPException(413, f"the request body is larger than {self._max_bytes} bytes")
            return message

        async def noting_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            async with asyncio.timeout(self._timeout_s):
                await self._app(scope, bounded_receive, noting_send)
        except TimeoutError:
            if started:
                raise
            detail = (
                f"no answer within {self._timeout_s:g} s; ask for less (a shorter range, fewer indicators)"
            )
            await problem(504, detail, instance=scope["path"])(scope, receive, send)


class _Observed:
    """Gives each request its id, log line and metrics, and an answer even to an unforeseen error."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = usable_or_new(next((v for k, v in scope["headers"] if k == REQUEST_ID_HEADER), None))
        token = current_request_id.set(request_id)
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.perf_counter()
        status = 0

        async def tagging_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, tagging_send)
        except Exception:
            log.exception("request failed", path=scope["path"])
            if status:
                raise
            detail = "an error of ours, not of yours; it is in the log under this request_id"
            await problem(500, detail, instance=scope["path"])(scope, receive, tagging_send)
        finally:
            self._note(scope, status, time.perf_counter() - started)
            current_request_id.reset(token)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        endpoint = getattr(scope.get("route"), "path", "unmatched")
        metrics.observe(self._service, scope["method"], endpoint, status, seconds)
        log.info(
            "request",
            service=self._service,
            method=scope["method"],
            path=scope["path"],
            status=status,
            duration_ms=round(seconds * 1000, 3),
        )


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - the handler is registered for this type alone
    headers = dict(error.headers) if error.headers else None
    return problem(error.status_code, error.detail, instance=request.url.path, headers=headers)


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
