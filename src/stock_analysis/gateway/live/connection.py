"""One WebSocket: what its client asks for, and what it gets as long as it reads."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import structlog
from websockets.frames import Opcode
from websockets.protocol import SERVER, State
from websockets.protocol import Protocol as Frames

from stock_analysis import __version__
from stock_analysis.domain.errors import (
    InvalidInputError,
    StockAnalysisError,
    UnavailableError,
    UnknownInstrumentError,
)
from stock_analysis.gateway.live.channel import Channel
from stock_analysis.gateway.live.frames import Frame, ping_frame
from stock_analysis.gateway.live.hub import CLOSED, CUT, HEARTBEAT_S, Hub, TooManyError
from stock_analysis.gateway.live.requests import (
    LARGEST_REQUEST_BYTES,
    Ping,
    RequestId,
    Subscribe,
    parse_asked,
)

log = structlog.get_logger(__name__)

WAITING_BYTES = 256 * 1024
"""With more waiting for a client, it gets nothing until it has read: then snapshots."""
SLOW_S = 30.0
"""Who has not read for so long is closed."""
DEAD_S = 60.0
"""Who has not answered a ping for so long is gone."""
CHECK_KEY_S = 60.0
CLOSE_S = 5.0
LONGEST_REASON = 123
"""Bytes that a frame of control holds, less the code."""
MOST_ERRORS = 20
MOST_ASKED = 32
"""Messages of a client that may wait to be answered."""
GOING_AWAY, POLICY, TRY_LATER = 1001, 1008, 1013
_STATUS = {InvalidInputError: 400, UnknownInstrumentError: 404, UnavailableError: 503, TooManyError: 429}

Granted = Callable[[], Awaitable[str | None]]
"""Counts one request of the client; a reason where it may not be made."""


class LiveConnection(asyncio.Protocol):
    """The server's end of a WebSocket, after its handshake.

    granted: asked before each subscription. allowed: whether the client's key still holds.
    """

    form = "ws"

    def __init__(
        self,
        hub: Hub,
        granted: Granted,
        allowed: Callable[[], Awaitable[bool]],
        on_lost: Callable[["LiveConnection"], None],
    ) -> None:
        self._hub = hub
        self._granted = granted
        self._allowed = allowed
        self._on_lost = on_lost
        self._frames = Frames(SERVER, state=State.OPEN, max_size=LARGEST_REQUEST_BYTES)
        self._transport: asyncio.Transport | None = None
        self._channels: dict[RequestId, Channel] = {}
        self._missed: set[Channel] = set()
        self._asked: asyncio.Queue[bytes] = asyncio.Queue(MOST_ASKED)
        self._parts: list[bytes] = []
        self._answering: asyncio.Task[None] | None = None
        self._paused_at: float | None = None
        self._heard_at = time.monotonic()
        self._checked_at = self._heard_at
        self._errors = 0
        self._closing = ""
        self.write: Callable[[bytes], object] = _nowhere
        self.forget: Callable[[object], None] = lambda _: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is done."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._transport = transport
        self.write = transport.write
        transport.set_write_buffer_limits(high=WAITING_BYTES, low=WAITING_BYTES // 4)
        self._hub.enter("ws")
        bounds = self._hub.bounds
        self._tell(
            "hello",
            protocol=1,
            version=__version__,
            heartbeat_s=HEARTBEAT_S,
            subscriptions=bounds.subscriptions,
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        del exc
        self._hub.leave("ws")
        CLOSED.labels(self._closing or "client").inc()
        self.write = _nowhere
        if self._answering is not None:
            self._answering.cancel()
        for channel in set(self._channels.values()):
            self._hub.unsubscribe(self, channel)
        self._channels.clear()
        self._on_lost(self)
        self.forget(self)

    def data_received(self, data: bytes) -> None:
        """Frames of the client; no more of them are read while too many wait to be answered."""
        self._heard_at = time.monotonic()
        self._frames.receive_data(data)
        for event in self._frames.events_received():
            self._take_frame(event)
        self._flush()

    def eof_received(self) -> bool:
        """The client sends nothing more."""
        self._frames.receive_eof()
        self._flush()
        return False

    def pause_writing(self) -> None:
        """Too much waits: nothing more is sent until the client has read."""
        self._paused_at = time.monotonic()
        channels = set(self._channels.values())
        for channel in channels:
            channel.pause(self)
        self._missed = channels
        if self._transport is not None:
            self._transport.pause_reading()
        CUT.inc()

    def resume_writing(self) -> None:
        """The client has read: a snapshot of everything, unless that is too much again."""
        self._paused_at = None
        if self._transport is not None:
            self._transport.resume_reading()
        while self._missed and self._paused_at is None:
            channel = self._missed.pop()
            if self in channel.clients and channel.is_loaded:
                channel.catch_up(self)

    def shutdown(self) -> None:
        """The server is stopping."""
        self.close(GOING_AWAY, "drain", "this server is stopping; connect again")

    def close(self, code: int, why: str, reason: str) -> None:
        """End the connection, saying why; a client that does not answer is cut off after CLOSE_S."""
        transport = self._transport
        if transport is None or self._closing:
            return
        self._closing = why
        log.info("live connection closed", why=why, code=code)
        if self._paused_at is None:
            self._tell("bye", code=code, reason=reason)
        self._frames.send_close(code, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))
        self.write = _nowhere
        self._flush()
        asyncio.get_running_loop().call_later(CLOSE_S, transport.abort)

    def beat(self, heartbeat: Frame, now: float) -> None:
        """Called every HEARTBEAT_S: prove that the connection works, and end it where it does not."""
        if self._paused_at is not None and now - self._paused_at > SLOW_S:
            self.close(POLICY, "slow", f"too slow: nothing was read for {SLOW_S:g} s")
        elif now - self._heard_at > DEAD_S:
            self._closing = "dead"
            if self._transport is not None:
                self._transport.abort()
        elif self._paused_at is None and not self._closing:
            self.write(heartbeat.ws)
            self.write(_PING)

    async def check_key(self, now: float) -> None:
        """End the connection if the key that opened it holds no more."""
        if now - self._checked_at >= CHECK_KEY_S:
            self._checked_at = now
            if not await self._allowed():
                self.close(POLICY, "key", "the API key is expired or revoked")

    def _take_frame(self, event: Any) -> None:
        if event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._parts.append(bytes(event.data))
            if event.fin:
                data, self._parts = b"".join(self._parts), []
                self._ask(data)

    def _ask(self, data: bytes) -> None:
        if self._closing:
            return
        try:
            self._asked.put_nowait(data)
        except asyncio.QueueFull:
            self.close(POLICY, "flood", f"more than {MOST_ASKED} messages wait to be answered")
            return
        if self._answering is None or self._answering.done():
            self._answering = asyncio.create_task(self._answer_all())

    async def _answer_all(self) -> None:
        while not self._asked.empty():
            await self._answer(self._asked.get_nowait())

    async def _answer(self, data: bytes) -> None:
        id_: RequestId | None = None
        try:
            asked = parse_asked(data)
            if isinstance(asked, Ping):
                self._tell("pong")
                return
            id_ = asked.id
            if isinstance(asked, Subscribe):
                await self._subscribe(asked)
            else:
                self._unsubscribe(id_)
        except StockAnalysisError as error:
            self._refuse(id_, _STATUS.get(type(error), 400), str(error))
        except Exception:
            log.exception("live message failed")
            self._refuse(id_, 500, "an error of ours, not of yours; it is in the log")

    async def _subscribe(self, asked: Subscribe) -> None:
        if asked.id in self._channels:
            raise InvalidInputError(f"the id {asked.id!r} is in use; unsubscribe first, or take another one")
        if len(self._channels) >= self._hub.bounds.subscriptions:
            raise TooManyError(f"a connection has at most {self._hub.bounds.subscriptions} subscriptions")
        refusal = await self._granted()
        if refusal is not None:
            raise TooManyError(refusal)
        topic = asked.topic()
        channel = await self._hub.subscribe(self, topic, asked.limit, asked.resume, self._joined(asked))
        self._channels[asked.id] = channel

    def _joined(self, asked: Subscribe) -> Callable[[Channel], None]:
        def tell(channel: Channel) -> None:
            if channel in self._channels.values():
                raise InvalidInputError("this connection is subscribed to the same already")
            self._tell("subscribed", id=asked.id, channel=channel.id)

        return tell

    def _unsubscribe(self, id_: RequestId) -> None:
        channel = self._channels.pop(id_, None)
        if channel is None:
            raise InvalidInputError(f"nothing is subscribed to under the id {id_!r}")
        self._missed.discard(channel)
        self._hub.unsubscribe(self, channel)
        self._tell("unsubscribed", id=id_)

    def _refuse(self, id_: RequestId | None, status: int, detail: str) -> None:
        self._tell("error", id=id_, status=status, detail=detail)
        self._errors += 1
        if self._errors >= MOST_ERRORS:
            self.close(
                POLICY, "errors", f"{MOST_ERRORS} messages could not be carried out; the last: {detail}"
            )

    def _tell(self, kind: str, **content: Any) -> None:
        self.write(Frame(kind, content).ws)

    def _flush(self) -> None:
        """What the protocol itself has to say: pongs, the answer to a close."""
        transport = self._transport
        if transport is None:
            return
        for data in self._frames.data_to_send():
            if data:
                transport.write(data)
            else:
                transport.close()
        if self._frames.parser_exc is not None and not self._closing:
            self._closing = "client" if isinstance(self._frames.parser_exc, EOFError) else "protocol"


_PING = ping_frame()


def _nowhere(data: bytes) -> None:
    """A connection that is not open takes nothing."""
    del data
