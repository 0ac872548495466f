"""The front end's files, read once at the start and sent as ready bytes."""

import hashlib
import mimetypes
import zlib
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from stock_analysis.kit.http import accepts_gzip
from stock_analysis.kit.problems import problem

PAGE_ROUTES = frozenset({"/", "/operations", "/operations/"})
"""The paths that the application in the browser knows; `frontend/src/app/App.tsx` shows each."""

_INDEX = "/index.html"
_DOCS = "/docs/index.html"
_HASHED = "/assets/"
_FOR_EVER = b"public, max-age=31536000, immutable"
_ASK_EACH_TIME = b"no-cache"
_COMPRESSIBLE = ("text/", "application/javascript", "application/json", "image/svg+xml")
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2"}
_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Stock Analysis</title>
<h1>The front end is not built</h1>
<p>The API works: <a href="/openapi.json">/openapi.json</a>. To build the pages, in the checkout:</p>
<pre>cd frontend &amp;&amp; npm ci &amp;&amp; npm run build</pre>
<p>then start again. A wheel of stock-analysis brings them built.</p>
"""


@dataclass(frozen=True, slots=True)
class Variant:
    """One encoding of a file, ready to be sent."""

    body: bytes
    etag: bytes
    headers: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class ReadyFile:
    """A file in the encodings that it is sent in."""

    plain: Variant
    gzipped: Variant | None

    def variant(self, accept_encoding: bytes) -> Variant:
        """The one for a client with this Accept-Encoding."""
        return (
            self.gzipped if self.gzipped and accepts_gzip(accept_encoding.decode("latin-1")) else self.plain
        )


class Pages:
    """Serves a folder: hashed assets for ever, anything else revalidated, the application at its own paths.

    Any other path is 404: for browsers with the application, which says so, else as problem+json.

    The files are those of the moment of the start.
    """

    def __init__(self, folder: Path) -> None:
        found = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
        self._files = {f"/{path.relative_to(folder).as_posix()}": path for path in found}
        self._ready = {name: _read(name, path) for name, path in self._files.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] not in ("GET", "HEAD"):
            await self._refuse(405, "pages are only read", {"allow": "GET, HEAD"}, scope, receive, send)
        elif (file := self._find(scope["path"])) is not None:
            await file_response(file, scope)(scope, receive, send)
        elif _INDEX not in self._ready:
            await HTMLResponse(_NOT_BUILT, 503)(scope, receive, send)
        elif scope["path"].startswith(_HASHED):
            await self._refuse(404, "no such file in this version", {}, scope, receive, send)
        elif b"text/html" in dict(scope["headers"]).get(b"accept", b""):
            await file_response(self._ready[_INDEX], scope, status=404)(scope, receive, send)
        else:
            await self._refuse(404, "there is no page at this path", {}, scope, receive, send)

    def _find(self, path: str) -> ReadyFile | None:
        if path in ("/docs", "/docs/"):
            return self._ready.get(_DOCS)
        return self._ready.get(_INDEX if path in PAGE_ROUTES else path)

    async def _refuse(
        self, status: int, detail: str, headers: dict[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        response: Response = problem(status, detail, instance=scope["path"], headers=headers)
        await response(scope, receive, send)


def _read(name: str, path: Path) -> ReadyFile:
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return ready_file(name, media_type, path.read_bytes())


def ready_file(name: str, media_type: str, body: bytes) -> ReadyFile:
    """A file with its ETags, compressed if it gains by that. name: its path as clients ask for it."""
    if not media_type.startswith(_COMPRESSIBLE):
        return ReadyFile(_variant(name, media_type, body, None), None)
    packer = zlib.compressobj(6, wbits=zlib.MAX_WBITS | 16)
    gzipped = packer.compress(body) + packer.flush()
    return ReadyFile(_variant(name, media_type, body, None), _variant(name, media_type, gzipped, b"gzip"))


def _variant(name: str, media_type: str, body: bytes, encoding: bytes | None) -> Variant:
    etag = b'"%s"' % hashlib.blake2b(body, digest_size=16).hexdigest().encode()
    charset = "; charset=utf-8" if media_type.startswith("text/") else ""
    headers = [
        (b"content-type", f"{media_type}{charset}".encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", _FOR_EVER if name.startswith(_HASHED) else _ASK_EACH_TIME),
        (b"vary", b"accept-encoding"),
        (b"etag", etag),
    ]
    if encoding:
        headers.append((b"content-encoding", encoding))
    return Variant(body, etag, tuple(headers))


def file_response(file: ReadyFile, scope: Scope, status: int = 200) -> Response:
    """The answer to GET or HEAD: the file in an encoding that the client takes, or 304 if it has that.

    status: of the answer with the file; only 200 becomes 304.
    """
    given = dict(scope["headers"])
    variant = file.variant(given.get(b"accept-encoding", b""))
    if status == 200 and _has_it(given.get(b"if-none-match"), variant.etag):
        response = Response(status_code=304)
        response.raw_headers = [one for one in variant.headers if not one[0].startswith(b"content-")]
        return response
    response = Response(variant.body if scope["method"] == "GET" else b"", status)
    response.raw_headers = list(variant.headers)
    return response


def _has_it(if_none_match: bytes | None, etag: bytes) -> bool:
    tags = [tag.strip().removeprefix(b"W/") for tag in (if_none_match or b"").split(b",")]
    return etag in tags or b"*" in tags
