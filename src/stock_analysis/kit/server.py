"""Runs an ASGI application until it is told to stop, then lets the requests under way finish."""

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import structlog
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from stock_analysis.kit.errors import KitError
from stock_analysis.kit.health import Health
from stock_analysis.kit.problems import problem
from stock_analysis.kit.request_id import REQUEST_ID_HEADER, current_request_id, usable_or_new
from stock_analysis.kit.settings import Settings

log = structlog.get_logger(__name__)

KEEP_ALIVE_S = 75
HEAD_TIMEOUT_S = 10.0
MAX_HEAD_BYTES = 64 * 1024
_BACKLOG = 2048


class ListenError(KitError):
    """The address cannot be listened on; the message says why and what to do."""


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol with the bounds that it lacks: bytes and seconds of a request's head.

    Without them a client that never ends its head keeps a connection, and memory, for ever.
    """

    _timer: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Expect a head."""
        super().connection_made(transport)
        self._expect_head()

    def on_message_begin(self) -> None:
        """Expect the head of the next request of this connection."""
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._forget_head()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Count the bytes of a head that is not whole yet."""
        super().data_received(data)
        self._head_bytes += len(data)
        if self._timer and self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(431, f"its head is larger than {MAX_HEAD_BYTES} bytes")

    def send_400_response(self, _msg: str) -> None:
        """Refuse what is not HTTP, or a method that it does not know."""
        self._refuse(400, "it is not an HTTP request that can be read")

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is expected any more."""
        self._forget_head()
        super().connection_lost(exc)

    def _refuse(self, status: int, reason: str) -> None:
        """The error answer to what never became a request, so that no layer of the application sees it."""
        token = current_request_id.set(usable_or_new(None))
        try:
            log.warning("request refused", status=status, reason=reason)
            answer = problem(status, f"the request is refused: {reason}")
            head = [(REQUEST_ID_HEADER, current_request_id.get().encode()), (b"connection", b"close")]
        finally:
            current_request_id.reset(token)
        lines = [b"%s: %s\r\n" % pair for pair in (*answer.raw_headers, *head)]
        self.transport.write(b"".join((STATUS_LINE[status], *lines, b"\r\n", answer.body)))
        self.transport.close()

    def _expect_head(self) -> None:
        self._forget_head()
        self._head_bytes = 0
        self._timer = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def _forget_head(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: uvicorn would write two lines a request and advise to install a library."""


class _Server(uvicorn.Server):
    """A uvicorn server whose signals are handled by `serve`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


async def serve(app: ASGIApp, health: Health, settings: Settings, *, port: int) -> None:
    """Serve until SIGTERM or SIGINT: first /readyz says no for drain_s, then the door closes.

    Requests under way get shutdown_timeout_s to finish. A second signal ends at once.
    Raises ListenError when the port cannot be had.
    """
    listener = listen(settings.host, port)
    server = _Server(_config(_Draining(app, health), settings))
    host, port = listener.getsockname()[:2]
    async with _on_signals(server, health, settings.drain_s):
        with announced(settings.serving_file, host, port):
            log.info("serving", address=settings.host, port=port)
            await server.serve(sockets=[listener])
    log.info("stopped")


@contextlib.contextmanager
def announced(file: Path | None, host: str, port: int) -> Iterator[None]:
    """Keep the address in the file meanwhile, for `stock_analysis.kit.probe`. None: nothing is written.

    Raises ListenError when the file cannot be written.
    """
    if file is None:
        yield
        return
    try:
        file.write_text(f"{host}\n{port}\n")
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
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ListenError(_explain(error, host, port)) from error


def _explain(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken by another program; stop it or choose another port"
    if error.errno == errno.EACCES:
        return f"port {port} on {host} needs more rights than this user has; choose one above 1023"
    return f"cannot listen on {host} port {port}: {error.strerror}"


def _config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=BoundedHttp,
        # An upgrade is ignored, as RFC 9110 allows: WebSockets would pass by every layer made for requests.
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


class _Draining:
    """Closes each connection with its next answer while stopping, so that clients move on by themselves."""

    def __init__(self, app: ASGIApp, health: Health) -> None:
        self._app = app
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def closing_send(message: Message) -> None:
            if self._health.stopping and message["type"] == "http.response.start":
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
