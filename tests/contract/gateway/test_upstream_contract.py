"""One suite for both ways to reach a service."""

import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import orjson
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from stock_analysis import __version__
from stock_analysis.gateway.ports import Upstream
from stock_analysis.gateway.upstream import AsgiUpstream, fetch, open_http_upstream
from stock_analysis.kit.health import Health
from stock_analysis.kit.http import OBSERVED, Observed, create_app
from stock_analysis.kit.settings import Settings
from tests.contract.gateway.serving import served
from tests.unit.gateway.calls import Answer, call, request

SETTINGS = Settings.model_validate({})
Open = Callable[[ASGIApp], AbstractAsyncContextManager[Upstream]]


@asynccontextmanager
async def in_process(app: ASGIApp) -> AsyncIterator[Upstream]:
    yield AsgiUpstream(app)


@asynccontextmanager
async def over_http(app: ASGIApp) -> AsyncIterator[Upstream]:
    async with served(app) as url, open_http_upstream("stock", url, SETTINGS) as upstream:
        yield upstream


@pytest.fixture(params=[in_process, over_http])
def open_upstream(request: pytest.FixtureRequest) -> Open:
    opened: Open = request.param
    return opened


def answering(
    status: int = 200, headers: list[tuple[bytes, bytes]] | None = None, body: bytes = b"", chunks: int = 1
) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": status, "headers": list(headers or ())})
        step = -(-len(body) // chunks) or 1
        for start in range(0, max(len(body), 1), step):
            more = start + step < len(body)
            await send({"type": "http.response.body", "body": body[start : start + step], "more_body": more})

    return app


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    seen = {
        "method": scope["method"],
        "path": scope["path"],
        "raw_path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
        "body": body.decode(),
    }
    content = orjson.dumps(seen)
    headers = [(b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content if scope["method"] != "HEAD" else b""})


async def ask(open_upstream: Open, app: ASGIApp, scope: Scope | None = None, body: bytes = b"") -> Answer:
    """The answer as a client of the gateway would see it."""
    async with open_upstream(app) as upstream:
        return await call(Observed(upstream, "gateway"), scope or request("/x"), [body])


@pytest.mark.parametrize("size", [0, 1, 200_000, 3_000_000])
async def test_a_body_comes_through_byte_by_byte(open_upstream: Open, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(size).encode())]
    answer = await ask(open_upstream, answering(200, headers, body))
    assert answer.body == body
    assert answer.complete
    assert answer.header("content-length") == str(size)


async def test_a_body_of_unknown_length_comes_through(open_upstream: Open) -> None:
    answer = await ask(open_upstream, answering(200, [], b"abc" * 50_000, chunks=5))
    assert answer.body == b"abc" * 50_000
    assert answer.header("transfer-encoding") is None


async def test_compressed_bytes_are_left_compressed(open_upstream: Open) -> None:
    packed = gzip.compress(b"bars" * 10_000)
    headers = [(b"content-encoding", b"gzip"), (b"etag", b'"1-gz"'), (b"vary", b"accept-encoding")]
    answer = await ask(open_upstream, answering(200, headers, packed))
    assert answer.body == packed
    assert answer.header("content-encoding") == "gzip"
    assert (answer.header("etag"), answer.header("vary")) == ('"1-gz"', "accept-encoding")


async def test_unchanged_is_passed_on_without_a_body(open_upstream: Open) -> None:
    answer = await ask(open_upstream, answering(304, [(b"etag", b'"1"'), (b"cache-control", b"no-cache")]))
    assert (answer.status, answer.body, answer.header("etag")) == (304, b"", '"1"')
    assert answer.header("cache-control") == "no-cache"


@pytest.mark.parametrize("status", [200, 201, 204, 302, 400, 404, 405, 422, 429, 500])
async def test_every_status_is_the_services_own(open_upstream: Open, status: int) -> None:
    headers = [(b"location", b"/elsewhere"), (b"allow", b"GET")]
    answer = await ask(open_upstream, answering(status, headers))
    assert answer.status == status
    assert (answer.header("location"), answer.header("allow")) == ("/elsewhere", "GET")


@pytest.mark.parametrize("status", [503, 504])
async def test_a_problem_of_the_service_keeps_its_own_words(open_upstream: Open, status: int) -> None:
    body = b'{"detail":"PostgreSQL cannot be reached"}'
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    answer = await ask(open_upstream, answering(status, headers, body))
    assert (answer.status, answer.body) == (status, body)


@pytest.mark.parametrize(
    "raw",
    [
        "/api/v1/stocks/%5EGSPC/bars",
        "/api/v1/stocks/ES%3DF/bars",
        "/api/v1/stocks/A%2FB/bars",
        "/a//b",
        "/%ED%95%9C",
    ],
)
async def test_the_path_arrives_as_the_client_wrote_it(open_upstream: Open, raw: str) -> None:
    scope = request("/decoded", query="i=rsi(14)&i=macd(12,26,9)&query=%EC%82%BC%EC%84%B1+%26")
    scope["raw_path"] = raw.encode()
    seen = (await ask(open_upstream, echo, scope)).json
    assert seen["raw_path"] == raw
    assert seen["query"] == "i=rsi(14)&i=macd(12,26,9)&query=%EC%82%BC%EC%84%B1+%26"


async def test_the_clients_headers_arrive_and_no_others_are_made_up(open_upstream: Open) -> None:
    sent = {"if-none-match": '"1"', "accept": "application/json", "x-request-id": "order-4711"}
    seen = (await ask(open_upstream, echo, request("/x", headers=sent))).json
    arrived = {name: value for name, value in seen["headers"] if name != "host"}
    assert arrived == sent


async def test_the_request_id_arrives_also_when_the_gateway_made_it(open_upstream: Open) -> None:
    async def tell(scope: Scope, receive: Receive, send: Send) -> None:
        await Observed(inner, "stock")(scope, receive, send)

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        from stock_analysis.kit.request_id import current_request_id

        await answering(200, [], current_request_id.get().encode())(scope, receive, send)

    answer = await ask(open_upstream, tell)
    assert answer.body.decode() == answer.header("x-request-id")


async def test_a_body_of_a_request_arrives(open_upstream: Open) -> None:
    headers = {"content-length": "5", "content-type": "text/plain"}
    seen = (await ask(open_upstream, echo, request("/x", method="POST", headers=headers), b"hello")).json
    assert (seen["method"], seen["body"]) == ("POST", "hello")
    assert ["content-type", "text/plain"] in seen["headers"]


async def test_head_gets_the_length_and_no_body(open_upstream: Open) -> None:
    answer = await ask(open_upstream, echo, request("/x", method="HEAD"))
    assert answer.body == b""
    assert int(answer.header("content-length") or 0) > 0


async def test_what_the_gateway_asks_for_itself_is_read_whole(open_upstream: Open) -> None:
    async with open_upstream(answering(200, [], b"facts")) as upstream:
        found = await fetch(upstream, "/api/v1/data")
    assert (found.status, found.body) == (200, b"facts")


async def test_the_check_gives_the_version_of_a_service_that_works(open_upstream: Open) -> None:
    service = create_app("stock", SETTINGS, Health({}, {}), [], {})
    async with open_upstream(service) as upstream:
        assert await upstream.check() == __version__


async def test_a_scope_is_not_changed_by_a_call(open_upstream: Open) -> None:
    scope = request("/x")
    before = dict(scope)
    async with open_upstream(create_app("stock", SETTINGS, Health({}, {}), [], {})) as upstream:
        await call(upstream, scope)
    assert scope == before
    assert OBSERVED not in scope
