"""Runs an ASGI application until it is told to stop, then lets the requests under way finish."""

import asyncio
import contextlib
import errno
import resource
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import structlog
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stock_analysis.kit.door import BACKLOG, Door
from stock_analysis.kit.errors import KitError
from stock_analysis.kit.health import Health
from stock_analysis.kit.inside import Inside, draw
from stock_analysis.kit.protocol import BoundedConfig, BoundedHttp, Limits
from stock_analysis.kit.settings import Settings
from stock_analysis.kit.upgrade import Upgrades

log = structlog.get_logger(__name__)

KEEP_ALIVE_S = 75
_OTHER_FILES = 100
"""Files that a process has open beside its clients: pools of connections, logs, libraries."""


class ListenError(KitError):
    """The address cannot be listened on; the message says why and what to do."""


class _Server(uvicorn.Server):
    """A uvicorn server whose signals are handled by `serve`, and whose door resets nobody when it closes."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open our own door instead of uvicorn's."""
        await super().startup([])
        self._doors = [Door(one, self._protocol) for one in sockets or []]
        self.servers = [*self._doors]  # type: ignore[list-item]  # uvicorn closes them and waits until they are

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take in the connections that wait at the door before it is closed, then stop as uvicorn does."""
        for door in self._doors:
            await door.empty()
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        return BoundedHttp(self.config, self.server_state, self.lifespan.state)


async def serve(app: ASGIApp, health: Health, settings: Settings, *, port: int) -> None:
    """Serve until SIGTERM or SIGINT: first /readyz says no for drain_s, then the door closes.

    Requests under way get shutdown_timeout_s to finish. A second signal ends at once.
    Raises ListenError when the port cannot be had.
    """
    listener = listen(settings.host, port)
    word = draw()
    server = _Server(_config(Upgrades(_Draining(Inside(app, word), health)), settings))
    host, port = listener.getsockname()[:2]
    async with _on_signals(server, health, settings.drain_s):
        with announced(settings.serving_file, host, port, word):
            log.info("serving", address=settings.host, port=port)
            await server.serve(sockets=[listener])
    log.info("stopped")


@contextlib.contextmanager
def announced(file: Path | None, host: str, port: int, word: str) -> Iterator[None]:
    """Keep address and word in the file meanwhile, for who asks from inside. None: nothing is written.

    Raises ListenError when the file cannot be written.
    """
    if file is None:
        yield
        return
    try:
        file.touch(mode=0o600)
        file.chmod(0o600)
        file.write_text(f"{host}\n{port}\n{word}\n")
    except OSError as error:
        raise ListenError(f"serving_file {file} cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes any free one. Raises ListenError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ListenError(_explain(error, host, port)) from error


def _explain(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken by another program; stop it or choose another port"
    if error.errno == errno.EACCES:
        return f"port {port} on {host} needs more rights than this user has; choose one above 1023"
    return f"cannot listen on {host} port {port}: {error.strerror}"


def _config(app: ASGIApp, settings: Settings) -> BoundedConfig:
    return BoundedConfig(
        app,
        Limits(settings.request_timeout_s, _room_for_connections(settings.max_connections)),
        # An upgrade goes through every layer as a request (kit.upgrade); uvicorn's own would pass by them.
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        # uvicorn itself would believe X-Forwarded-For from anyone on loopback.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=max(1, round(settings.shutdown_timeout_s)),
        timeout_keep_alive=KEEP_ALIVE_S,
    )


def _room_for_connections(wanted: int) -> int:
    """How many connections may be open at once: as many as wanted, where the system allows as many files."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most == resource.RLIM_INFINITY or most >= wanted + _OTHER_FILES:
        return wanted
    room = max(most - _OTHER_FILES, 1)
    log.warning("fewer connections than set: too few open files are allowed", connections=room, files=most)
    return room


class _Draining:
    """Closes each connection with its next answer while stopping, so that clients move on by themselves."""

    def __init__(self, app: ASGIApp, health: Health) -> None:
        self._app = app
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def closing_send(message: Message) -> None:
            starts = message["type"] == "http.response.start" and message["status"] != 101
            if self._health.stopping and starts:
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, closing_send)


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
            server.should_exit = server.force_exit = True
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
