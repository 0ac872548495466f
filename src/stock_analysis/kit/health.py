"""/livez (this process alone), /readyz and /health (its needs; no while stopping), /metrics."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from stock_analysis import __version__

CHECK_TIMEOUT_S = 2.0
REUSE_S = 0.5

Check = Callable[[], Awaitable[str | None]]
"""Returns the part's version, or None where it has none; raises when the part does not do its work."""


class PartHealth(BaseModel):
    """One part: whether it does its work, and why not."""

    name: str
    healthy: bool
    required: bool
    reason: str | None
    version: str | None
    latency_ms: float


class Readiness(BaseModel):
    """What anyone may know; ready when every required part is healthy and the process is not stopping."""

    status: Literal["ready", "unready"]
    ready: bool


class HealthReport(Readiness):
    """The same with all parts: for who operates the platform."""

    version: str
    stopping: bool
    parts: list[PartHealth]


Report = HealthReport | Readiness


class Health:
    """The checks of one service. A part that is not required may be down: it costs speed only."""

    def __init__(self, required: Mapping[str, Check], optional: Mapping[str, Check]) -> None:
        self._checks = [(name, check, True) for name, check in required.items()]
        self._checks += [(name, check, False) for name, check in optional.items()]
        self._lock = asyncio.Lock()
        self._parts: list[PartHealth] = []
        self._checked_at = -math.inf
        self.stopping = False

    async def report(self) -> HealthReport:
        """Run all checks at once, each for CHECK_TIMEOUT_S at most.

        Asking more often than every REUSE_S, which anyone may, does not ask the parts more often.
        """
        async with self._lock:
            if time.monotonic() - self._checked_at > REUSE_S:
                self._parts = await asyncio.gather(*(_run(*check) for check in self._checks))
                self._checked_at = time.monotonic()
        ready = not self.stopping and all(part.healthy for part in self._parts if part.required)
        return HealthReport(
            status="ready" if ready else "unready",
            ready=ready,
            version=__version__,
            stopping=self.stopping,
            parts=self._parts,
        )


async def _run(name: str, check: Check, required: bool) -> PartHealth:
    started = time.perf_counter()
    version, reason = None, None
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            version = await check()
    except TimeoutError:
        reason = f"no answer within {CHECK_TIMEOUT_S:g} s"
    except Exception as error:  # noqa: BLE001 - whatever breaks a part is the reason shown for it
        reason = str(error) or type(error).__name__
    latency_ms = round((time.perf_counter() - started) * 1000, 2)
    return PartHealth(
        name=name,
        healthy=reason is None,
        required=required,
        reason=reason,
        version=version,
        latency_ms=latency_ms,
    )


def health_router(health: Health, may_see_parts: Callable[[Scope], bool] = lambda _: True) -> APIRouter:
    """The routes for orchestrators and for Prometheus.

    may_see_parts: whether the caller may know the parts, with their versions and the reasons of failures.
    """
    router = APIRouter(tags=["health"])
    unready: dict[int | str, dict[str, Any]] = {
        503: {"model": Report, "description": "A required part is down, or the process is stopping."}
    }

    @router.get("/livez", summary="Is this process alive?")
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/readyz", summary="Can it do its work?", response_model=Report, responses=unready)
    @router.get("/health", summary="The same as /readyz", response_model=Report, responses=unready)
    async def readyz(request: Request) -> Response:
        report = await health.report()
        shown = None if may_see_parts(request.scope) else set(Readiness.model_fields)
        return JSONResponse(report.model_dump(include=shown), 200 if report.ready else 503)

    @router.get("/metrics", summary="Metrics in Prometheus' text format", response_class=Response)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router
