"""A message encoded once, in the two forms in which clients get it."""

from functools import cached_property
from typing import Any

import orjson

_TEXT, _PING = 0x81, 0x89


class Frame:
    """One message to many clients. id: for Last-Event-ID, "" = it cannot be resumed from."""

    def __init__(self, kind: str, content: dict[str, Any], id_: str = "") -> None:
        self._kind = kind
        self._id = id_
        self.data = orjson.dumps({"type": kind, **content}, option=orjson.OPT_SERIALIZE_NUMPY)

    @cached_property
    def ws(self) -> bytes:
        """As a WebSocket frame (RFC 6455); a server's are not masked, so that one fits every client."""
        return _frame(_TEXT, self.data)

    @cached_property
    def sse(self) -> bytes:
        """As a server-sent event; JSON as we write it has no line break."""
        id_ = f"id: {self._id}\n" if self._id else ""
        return f"event: {self._kind}\n{id_}data: ".encode() + self.data + b"\n\n"


def ping_frame() -> bytes:
    """A ping without content."""
    return _frame(_PING, b"")


def _frame(kind: int, content: bytes) -> bytes:
    size = len(content)
    if size < 126:
        return bytes((kind, size)) + content
    if size < 2**16:
        return bytes((kind, 126)) + size.to_bytes(2, "big") + content
    return bytes((kind, 127)) + size.to_bytes(8, "big") + content
