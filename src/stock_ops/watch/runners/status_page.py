"""A very small HTTP server on loopback: GET of a few pages, nothing else."""

import asyncio
import ipaddress
import logging
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus

import h11

from stock_ops.kit.container import in_container, named_servers
from stock_ops.kit.layout import LOOPBACK

log = logging.getLogger("stockops.backup")

PATIENCE_S = 5.0
"""From the connection to the last byte of the answer."""

_HEAD_BYTES = 8 * 2**10
_HEAD_FIELDS = 64
_CONNECTIONS = 64
_HOSTS = frozenset({LOOPBACK, "localhost", "[::1]"})
_PLACE = re.compile(r"([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d+)?")
_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Connection", "close"),
)

Page = Callable[[], tuple[str, bytes]]
"""Gives its content type and its body."""


class _RefusedError(Exception):
    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


async def serve(port: int, pages: Mapping[str, Page], host: str = LOOPBACK) -> asyncio.Server:
    """Answer on the port. Raises OSError when another program listens there."""
    talking = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal talking
        talking += 1
        try:
            async with asyncio.timeout(PATIENCE_S):
                if talking > _CONNECTIONS:
                    busy = "too many connections; try again in a second"
                    writer.write(_response(HTTPStatus.SERVICE_UNAVAILABLE, busy, ("Retry-After", "1")))
                else:
                    writer.write(answer(await _read_head(reader), pages))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (TimeoutError, OSError):
            return
        finally:
            writer.transport.abort()  # what a client has not read by now is dropped
            talking -= 1

    return await asyncio.start_server(talk, host, port, limit=2 * _HEAD_BYTES)


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    """All up to the end of the head; less if the client stopped, more than allowed if it did not."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:
        return await reader.readexactly(error.consumed)


def answer(head: bytes, pages: Mapping[str, Page]) -> bytes:
    """The response to the head of a request."""
    try:
        page = _page(_parse(head), pages)
    except _RefusedError as error:
        return _response(error.status, str(error))
    try:
        kind, body = page()
    except Exception:
        log.exception("a page cannot be made")
        return _response(HTTPStatus.INTERNAL_SERVER_ERROR, "the log says why")
    return _response(HTTPStatus.OK, body, ("Content-Type", kind))


def _parse(head: bytes) -> h11.Request:
    """The request. Raises _RefusedError."""
    if len(head) > _HEAD_BYTES:
        why = f"the head of the request is larger than {_HEAD_BYTES} bytes"
        raise _RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, why)
    connection = h11.Connection(h11.SERVER)
    try:
        connection.receive_data(head)
        request = connection.next_event()
    except h11.RemoteProtocolError as error:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from error
    if not isinstance(request, h11.Request):
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "this is not an HTTP request")
    if len(request.headers) > _HEAD_FIELDS:
        why = f"the head of the request has more than {_HEAD_FIELDS} fields"
        raise _RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, why)
    return request


def _page(request: h11.Request, pages: Mapping[str, Page]) -> Page:
    """The page that is asked for, at a name of this machine. Raises _RefusedError."""
    hosts = [value.decode("latin-1").lower() for name, value in request.headers if name == b"host"]
    place = _PLACE.fullmatch(hosts[0]) if hosts else None
    target = request.target.decode("latin-1")
    if place is None or not target.startswith("/"):
        why = "a request names its path, and its host once, in the header Host"
        raise _RefusedError(HTTPStatus.BAD_REQUEST, why)
    if place[1] not in _HOSTS | _names_of_container() and not (in_container() and _is_address(place[1])):
        why = f"this address answers to {LOOPBACK} and localhost only"
        raise _RefusedError(HTTPStatus.MISDIRECTED_REQUEST, why)
    if request.method != b"GET":
        raise _RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "GET only")
    page = pages.get(target.partition("?")[0])
    if page is None:
        raise _RefusedError(HTTPStatus.NOT_FOUND, "\n".join(pages))
    return page


def _is_address(host: str) -> bool:
    """A pod is asked by its address, which no page of a browser can have another name lead to."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _names_of_container() -> frozenset[str]:
    """By which the other containers of the instance know this one."""
    return frozenset(host for name, (host, _) in named_servers().items() if name == "backup")


def _response(status: HTTPStatus, body: str | bytes, *headers: tuple[str, str]) -> bytes:
    if isinstance(body, str):
        body = f"{body}\n".encode()
        headers = (("Content-Type", "text/plain; charset=utf-8"), *headers)
    head = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        *(f"{name}: {value}" for name, value in (*headers, *_HEADERS)),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join((*head, "", "")).encode() + body
