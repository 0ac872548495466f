"""Ready answers: bytes computed once for each version of the data, then served from the cache or as 304."""

import asyncio
import hashlib
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from fastapi import Request, Response
from starlette.datastructures import Headers

from stock_analysis import __version__
from stock_analysis.kit.cache import Cache

_HEADERS = {"cache-control": "private, no-cache", "vary": "accept-encoding"}
_GZIP_LEVEL = 1


def fingerprint(version: int, *question: object) -> str:
    """Key of the answer to a question about data of this version, given by this version of the program."""
    text = "\0".join(map(str, (__version__, version, *question)))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


async def answer(
    request: Request, cache: Cache, key: str, make: Callable[[], Awaitable[tuple[str, dict[str, Any]]]]
) -> Response:
    """304 if the client has this answer, else its bytes from the cache, else made now and kept.

    key: fingerprint of the answer as far as it is known before reading the data.
    make: reads the data; returns the fingerprint of what it read and the answer's content.
    """
    ready = await ready_answer(request.headers, cache, key)
    if ready is not None:
        return ready
    key, content = await make()
    body = await asyncio.to_thread(_pack, content)
    await cache.put(key, body)
    return _respond(body, key, gzipped=_takes_gzip(request.headers))


async def ready_answer(headers: Headers, cache: Cache, key: str) -> Response | None:
    """304 if the client has this answer, else its bytes from the cache, else None."""
    gzipped = _takes_gzip(headers)
    if _matches(headers.get("if-none-match"), _etag(key, gzipped=gzipped)):
        return Response(status_code=304, headers=_HEADERS | {"etag": _etag(key, gzipped=gzipped)})
    body = await cache.get(key)
    return None if body is None else _respond(body, key, gzipped=gzipped)


def _takes_gzip(headers: Headers) -> bool:
    return "gzip" in headers.get("accept-encoding", "")


def _pack(content: dict[str, Any]) -> bytes:
    packer = zlib.compressobj(_GZIP_LEVEL, wbits=zlib.MAX_WBITS | 16)
    return packer.compress(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)) + packer.flush()


def _respond(body: bytes, key: str, *, gzipped: bool) -> Response:
    headers = _HEADERS | {"etag": _etag(key, gzipped=gzipped)}
    if gzipped:
        return Response(body, headers=headers | {"content-encoding": "gzip"}, media_type="application/json")
    return Response(
        zlib.decompress(body, zlib.MAX_WBITS | 16), headers=headers, media_type="application/json"
    )


def _etag(key: str, *, gzipped: bool) -> str:
    return f'"{key}-gz"' if gzipped else f'"{key}"'


def _matches(if_none_match: str | None, etag: str) -> bool:
    if if_none_match is None:
        return False
    given = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in given or etag in given
