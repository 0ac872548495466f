"""A very small HTTP server on loopback: GET of a few pages, nothing else."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from stock_ops.kit.layout import LOOPBACK

log = logging.getLogger("stockops.backup")

_HEAD_BYTES = 8 * 2**10
_PATIENCE_S = 5.0

Page = Callable[[], tuple[str, bytes]]
"""Gives its content type and its body."""


async def serve(port: int, pages: Mapping[str, Page]) -> asyncio.Server:
    """Answer on the port. Raises OSError when another program listens there."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(answer(head, pages))
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, OSError):
            return
        finally:
            writer.close()

    return await asyncio.start_server(talk, LOOPBACK, port, limit=_HEAD_BYTES)


def answer(head: bytes, pages: Mapping[str, Page]) -> bytes:
    """The response to the head of a request."""
    method, _, rest = head.partition(b" ")
    page = pages.get(rest.partition(b" ")[0].partition(b"?")[0].decode("latin-1"))
    if method != b"GET":
        return _response("405 Method Not Allowed", "text/plain", b"GET only\n")
    if page is None:
        return _response("404 Not Found", "text/plain", "\n".join(pages).encode() + b"\n")
    try:
        kind, body = page()
    except Exception:
        log.exception("a page cannot be made")
        return _response("500 Internal Server Error", "text/plain", b"the log says why\n")
    return _response("200 OK", kind, body)


def _response(status: str, kind: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        "",
        "",
    )
    return "\r\n".join(head).encode() + body
