"""WS /ws and GET /api/v1/stream: who may come in, and under which conditions."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from pydantic import ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from stock_analysis.domain.errors import (
    InvalidInputError,
    StockAnalysisError,
    UnavailableError,
    UnknownInstrumentError,
)
from stock_analysis.gateway.access import Visitor, visitor_of
from stock_analysis.gateway.live.connection import LiveConnection
from stock_analysis.gateway.live.frames import Frame
from stock_analysis.gateway.live.hub import HEARTBEAT_S, Hub, TooManyError
from stock_analysis.gateway.live.requests import Subscribe
from stock_analysis.gateway.live.sse import EventStream
from stock_analysis.kit.health import Health
from stock_analysis.kit.problems import problem
from stock_analysis.kit.upgrade import PROTOCOL, UPGRADE

WS_PATH, STREAM_PATH = "/ws", "/api/v1/stream"
SUBPROTOCOL = "stock-analysis.v1"

_STATUS = {InvalidInputError: 400, UnknownInstrumentError: 404, UnavailableError: 503, TooManyError: 429}
_LOOK_S = 0.1
_PARAMETERS = {"symbol", "interval", "adjustment", "i", "limit", "feed"}


class LiveDoor:
    """Answers the two paths of the live stream, and passes everything else on.

    origins: those of pages that may connect, beside the pages of this address.
    """

    def __init__(self, app: ASGIApp, hub: Hub, health: Health, origins: tuple[str, ...]) -> None:
        self._app = app
        self._hub = hub
        self._health = health
        self._origins = frozenset(origins)
        self._of_visitor: Counter[str] = Counter()
        self._connections: dict[LiveConnection | EventStream, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope.get("path")
        if path not in (WS_PATH, STREAM_PATH):
            await self._app(scope, receive, send)
            return
        scope["route"] = _Route(path)
        answer = self._websocket if path == WS_PATH else self._stream
        refusal = self._refusal(scope)
        if refusal is None:
            refusal = await answer(scope, receive, send)
        if refusal is not None:
            status, detail, headers = refusal
            await problem(status, detail, instance=path, headers=headers)(scope, receive, send)

    async def run(self) -> None:
        """Heartbeats until cancelled; once the process is stopping, everybody is asked to go elsewhere."""
        beat_at = time.monotonic() + HEARTBEAT_S
        while True:
            await asyncio.sleep(_LOOK_S)
            if self._health.stopping:
                for one in list(self._connections):
                    one.shutdown()
            elif time.monotonic() >= beat_at:
                beat_at = time.monotonic() + HEARTBEAT_S
                await self._beat()

    async def _beat(self) -> None:
        frame = Frame("heartbeat", {"at": round(time.time() * 1000)})
        now = time.monotonic()
        for one in list(self._connections):
            one.beat(frame, now)
        for one in list(self._connections):
            await one.check_key(now)

    def _refusal(self, scope: Scope) -> "Refusal | None":
        if scope["method"] != "GET":
            return 405, "this path takes GET alone", {"allow": "GET"}
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin and not self._is_ours(origin, headers.get(b"host", b"").decode("latin-1")):
            return (
                403,
                "pages of this origin may not connect; the setting cors_origins names those that may",
                {},
            )
        if self._health.stopping:
            return 503, "this server is stopping; connect again", {"retry-after": "1"}
        bounds, name = self._hub.bounds, visitor_of(scope).name
        if len(self._connections) >= bounds.clients:
            return 503, f"all {bounds.clients} connections of this gateway are taken", {"retry-after": "5"}
        if self._of_visitor[name] >= bounds.clients_of_one:
            return 429, f"more than {bounds.clients_of_one} connections of one client", {"retry-after": "5"}
        return None

    def _is_ours(self, origin: str, host: str) -> bool:
        return origin in self._origins or origin.partition("://")[2].lower() == host.lower()

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> "Refusal | None":
        del receive
        if UPGRADE not in scope.get("extensions", {}):
            return 426, "this server speaks no WebSocket; use GET /api/v1/stream", {}
        handshake = ServerProtocol(select_subprotocol=_select)
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        answer = handshake.accept(Request(WS_PATH, Headers(pairs)))
        if answer.status_code != 101:
            headers = {"upgrade": "websocket", "sec-websocket-version": "13"}
            return (
                426,
                "this path is for WebSockets; /api/v1/stream sends the same as server-sent events",
                headers,
            )
        visitor = visitor_of(scope)
        connection = LiveConnection(self._hub, visitor.granted, visitor.allowed, self._leave)
        self._enter(connection, visitor)
        kept = [
            (name.lower().encode(), value.encode())
            for name, value in answer.headers.raw_items()
            if name.lower() not in ("date", "server")
        ]
        await send({"type": "http.response.start", "status": 101, "headers": kept, PROTOCOL: connection})
        return None

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> "Refusal | None":
        visitor = visitor_of(scope)
        stream = EventStream(self._hub, visitor.allowed)
        self._enter(stream, visitor)
        try:
            for asked in _asked(scope):
                await stream.subscribe(asked)
            await stream.run(receive, send)
        except StockAnalysisError as error:
            return _STATUS.get(type(error), 400), str(error), {}
        finally:
            stream.close()
            self._leave(stream)
        return None

    def _enter(self, one: LiveConnection | EventStream, visitor: Visitor) -> None:
        self._connections[one] = visitor.name
        self._of_visitor[visitor.name] += 1

    def _leave(self, one: LiveConnection | EventStream) -> None:
        name = self._connections.pop(one, None)
        if name is not None:
            self._of_visitor[name] -= 1
            if not self._of_visitor[name]:
                del self._of_visitor[name]


Refusal = tuple[int, str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class _Route:
    """For the metrics."""

    path: str


def _select(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return Subprotocol(SUBPROTOCOL) if SUBPROTOCOL in offered else None


def _asked(scope: Scope) -> list[Subscribe]:
    """What a stream is to tell, by its query; one subscription a symbol. Raises InvalidInputError."""
    given = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=100)
    unknown = set(given) - _PARAMETERS
    if unknown:
        raise InvalidInputError(
            f"unknown parameter {min(unknown)[:40]!r}; this path takes {', '.join(sorted(_PARAMETERS))}"
        )
    symbols = given.get("symbol", [])
    if not 1 <= len(symbols) <= 20:
        raise InvalidInputError("say which: symbol=AAPL, 1 to 20 times")
    common: dict[str, Any] = {
        name: given[name][-1] for name in _PARAMETERS - {"symbol", "i"} if name in given
    }
    resume = _resume(dict(scope["headers"]).get(b"last-event-id", b"").decode("latin-1"))
    try:
        return [
            Subscribe.model_validate(
                {
                    "op": "subscribe",
                    "id": symbol,
                    "symbol": symbol,
                    "indicators": given.get("i", []),
                    "resume": resume,
                    **common,
                }
            )
            for symbol in dict.fromkeys(symbols)
        ]
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)[:5]
        raise InvalidInputError(
            "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found)
        ) from error


def _resume(last_event_id: str) -> dict[str, Any] | None:
    channel, _, number = last_event_id.rpartition(":")
    return {"channel": channel, "n": int(number)} if channel and number.isdecimal() else None
