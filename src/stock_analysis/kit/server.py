"""Runs an ASGI application until it is told to stop, then lets the requests under way finish."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator

import structlog
import uvicorn
from starlette.types import ASGIApp

from stock_analysis.kit.health import Health
from stock_analysis.kit.settings import Settings

log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """A uvicorn server whose signals are handled by `serve`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


async def serve(app: ASGIApp, health: Health, settings: Settings, *, port: int) -> None:
    """Serve until SIGTERM or SIGINT: first /readyz says no for drain_s, then the door closes.

    Requests under way get shutdown_timeout_s to finish. A second signal ends the draining at once.
    """
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=port,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=int(settings.shutdown_timeout_s),
        timeout_keep_alive=75,
        h11_max_incomplete_event_size=16 * 1024,
    )
    server = _Server(config)
    async with _on_signals(server, health, settings.drain_s):
        log.info("serving", host=settings.host, port=port)
        await server.serve()
    log.info("stopped")


@contextlib.asynccontextmanager
async def _on_signals(server: _Server, health: Health, drain_s: float) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    draining: list[asyncio.Task[None]] = []

    async def drain() -> None:
        health.stopping = True
        log.info("draining", seconds=drain_s)
        await asyncio.sleep(drain_s)
        server.should_exit = True

    def on_signal() -> None:
        if draining:
            server.should_exit = True
        else:
            draining.append(asyncio.create_task(drain()))

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        for task in draining:
            task.cancel()
