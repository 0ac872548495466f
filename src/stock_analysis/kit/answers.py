"""Ready answers: bytes computed once for each version of the data, then served from the cache or as 304."""

import asyncio
import hashlib
import zlib
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
from fastapi import Request, Response
from starlette.datastructures import Headers

import stock_analysis
from stock_analysis.kit.cache import Cache
from stock_analysis.kit.http import accepts_gzip

_HEADERS = {"cache-control": "private, no-cache", "vary": "accept-encoding"}
_GZIP_LEVEL = 1
_LIBRARIES = ("ta-lib", "numpy", "exchange-calendars", "tzdata")
MOST_AT_ONCE = 4
"""Answers made at the same time; the others wait, so that a crowd cannot fill memory and threads."""

Make = Callable[[], Awaitable[tuple[str, dict[str, Any]]]]


def fingerprint(*question: object) -> str:
    """Key of the answer to a question, of which the state of the data is a part, given by this build."""
    text = "\0".join(map(str, (_build(), *question)))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@cache
def _build() -> str:
    """Fingerprint of the code and the libraries that make an answer what it is."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(Path(stock_analysis.__file__).parent.glob("*/*.py")):
        digest.update(path.read_bytes())
    for library in _LIBRARIES:
        digest.update(f"{library} {version(library)}".encode())
    return digest.hexdigest()


class Answers:
    """Answers from the cache; what is not there is made once, however many ask for it at the same time."""

    def __init__(self, store: Cache) -> None:
        self._cache = store
        self._making: dict[str, asyncio.Task[tuple[str, bytes]]] = {}
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    async def answer(self, request: Request, key: str, make: Make) -> Response:
        """304 if the client has this answer, else its bytes from the cache, else made now and kept.

        key: fingerprint of the answer as far as it is known before reading the data.
        make: reads the data; returns the fingerprint of what it read and the answer's content.
        """
        ready = await self.ready(request.headers, key)
        if ready is not None:
            return ready
        made_key, body = await asyncio.shield(self._made(key, make))
        return _respond(body, made_key, gzipped=_takes_gzip(request.headers))

    async def ready(self, headers: Headers, key: str) -> Response | None:
        """304 if the client has this answer, else its bytes from the cache, else None."""
        gzipped = _takes_gzip(headers)
        if _matches(headers.get("if-none-match"), _etag(key, gzipped=gzipped)):
            return Response(status_code=304, headers=_HEADERS | {"etag": _etag(key, gzipped=gzipped)})
        body = await self._cache.get(key)
        return None if body is None else _respond(body, key, gzipped=gzipped)

    def _made(self, key: str, make: Make) -> asyncio.Task[tuple[str, bytes]]:
        """The task that makes this answer; it goes on when the one who asked first goes away."""
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(make))
            task.add_done_callback(lambda _: self._making.pop(key))
        return task

    async def _make(self, make: Make) -> tuple[str, bytes]:
        async with self._room:
            key, content = await make()
            body = await asyncio.to_thread(_pack, content)
        await self._cache.put(key, body)
        return key, body


def _takes_gzip(headers: Headers) -> bool:
    return accepts_gzip(headers.get("accept-encoding", ""))


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
