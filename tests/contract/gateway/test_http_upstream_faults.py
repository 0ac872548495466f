"""What only a service over HTTP can do wrong."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import Receive, Scope, Send

from stock_analysis.domain.errors import UnavailableError
from stock_analysis.gateway.upstream import BREAKER_THRESHOLD, CALLS, HttpUpstream, open_http_upstream
from stock_analysis.kit.health import Health
from stock_analysis.kit.http import create_app
from stock_analysis.kit.settings import Settings
from tests.contract.gateway.serving import served
from tests.unit.gateway.calls import call, request

SETTINGS = Settings.model_validate({"upstream_timeout_s": 2, "upstream_attempts": 3})


class RawService:
    """Speaks whatever bytes each connection is told to; counts the connections."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.requests = 0
        self.arrived = asyncio.Semaphore(0)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                answer = self.answers[min(self.requests, len(self.answers) - 1)]
                self.requests += 1
                self.arrived.release()
                if answer is None:
                    await asyncio.sleep(30)
                elif not answer:
                    break
                else:
                    writer.write(answer)
                    if b"CUT" in answer:
                        break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def calling(service: RawService, settings: Settings = SETTINGS) -> AsyncIterator[HttpUpstream]:
    server = await asyncio.start_server(service, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with open_http_upstream("stock", f"http://127.0.0.1:{port}", settings) as upstream:
            yield upstream
    finally:
        server.close()


def ok(body: bytes = b"fine", *, claimed: int | None = None) -> bytes:
    length = len(body) if claimed is None else claimed
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (length, body)


def outcome(name: str) -> float:
    value: float = CALLS.labels("stock", name)._value.get()
    return value


async def test_a_connection_cut_before_the_answer_is_tried_again() -> None:
    service = RawService(b"", ok())
    async with calling(service) as upstream:
        answer = await call(upstream, request("/x"))
    assert (answer.status, answer.body) == (200, b"fine")


async def test_a_call_that_may_change_something_is_not_sent_twice() -> None:
    service = RawService(b"", ok())
    async with calling(service) as upstream:
        answer = await call(upstream, request("/x", method="POST"))
    assert answer.status == 503
    assert service.requests == 1


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_an_error_page_of_something_on_the_way_is_tried_again_and_never_shown(status: int) -> None:
    page = b"HTTP/1.1 %d Bad\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>" % status
    async with calling(RawService(page, ok())) as upstream:
        assert (await call(upstream, request("/x"))).status == 200
    service = RawService(page)
    async with calling(service) as upstream:
        answer = await call(upstream, request("/x"))
    assert service.requests == SETTINGS.upstream_attempts
    assert answer.status == 503
    assert answer.header("content-type") == "application/problem+json"
    assert answer.header("retry-after") == "1"


async def test_a_service_that_is_not_there_is_a_problem_that_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    async with open_http_upstream("stock", f"http://127.0.0.1:{port}", SETTINGS) as upstream:
        answer = await call(upstream, request("/x"))
        with pytest.raises(UnavailableError, match="stock"):
            await upstream.check()
    assert answer.status == 503
    assert "stock-service cannot be reached" in answer.json["detail"]


async def test_a_service_that_hangs_is_given_up_in_time_and_not_asked_again() -> None:
    service = RawService(None)
    settings = Settings.model_validate({"upstream_timeout_s": 0.2})
    async with calling(service, settings) as upstream:
        started = asyncio.get_running_loop().time()
        answer = await call(upstream, request("/x"))
        elapsed = asyncio.get_running_loop().time() - started
    assert answer.status == 504
    assert 0.2 <= elapsed < 1
    assert service.requests == 1


async def test_attempts_end_within_the_deadline_of_the_request() -> None:
    settings = Settings.model_validate({"upstream_timeout_s": 0.3, "upstream_attempts": 10})
    async with calling(RawService(b""), settings) as upstream:
        started = asyncio.get_running_loop().time()
        answer = await call(upstream, request("/x"))
        elapsed = asyncio.get_running_loop().time() - started
    assert answer.status in (503, 504)
    assert elapsed < 1


async def test_an_answer_that_breaks_off_is_left_unfinished() -> None:
    async with calling(RawService(ok(b"CUT", claimed=1000))) as upstream:
        answer = await call(upstream, request("/x"))
    assert answer.status == 200
    assert not answer.complete


async def test_a_service_that_keeps_failing_is_left_alone_and_then_probed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stock_analysis.gateway.upstream.BREAKER_PAUSE_S", 2)
    service = RawService(b"")
    settings = Settings.model_validate({"upstream_timeout_s": 2, "upstream_attempts": 1})
    refused = outcome("refused")
    async with calling(service, settings) as upstream:
        for _ in range(BREAKER_THRESHOLD):
            assert (await call(upstream, request("/x"))).status == 503
        assert outcome("refused") == refused
        asked = service.requests
        service.answers = [ok()]
        answers = [await call(upstream, request("/x")) for _ in range(20)]
        assert {answer.status for answer in answers} == {503}
        assert (service.requests, outcome("refused")) == (asked, refused + 20)
        await asyncio.sleep(2.05)
        assert (await call(upstream, request("/x"))).status == 200
        assert (await call(upstream, request("/x"))).status == 200


async def test_a_client_that_goes_away_does_not_open_the_circuit() -> None:
    service = RawService(*[None] * (BREAKER_THRESHOLD + 1), ok())
    async with calling(service) as upstream:
        for _ in range(BREAKER_THRESHOLD + 1):
            asking = asyncio.create_task(call(upstream, request("/x")))
            await service.arrived.acquire()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        assert (await call(upstream, request("/x"))).status == 200


async def test_headers_of_the_connection_end_at_the_gateway_in_both_directions() -> None:
    raw = b"HTTP/1.1 200 OK\r\nconnection: keep-alive, x-private\r\nx-private: 1\r\nkeep-alive: timeout=5\r\n"
    raw += b'server: secret/1.0\r\nx-request-id: theirs\r\netag: "1"\r\ncontent-length: 0\r\n\r\n'
    async with calling(RawService(raw)) as upstream:
        answer = await call(upstream, request("/x"))
    assert {name for name, _ in answer.headers} == {b"etag", b"content-length"}

    seen: list[bytes] = []

    async def tell(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        seen.extend(name for name, _ in scope["headers"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    sent = {
        "connection": "keep-alive, x-hop",
        "x-hop": "1",
        "te": "trailers",
        "upgrade": "h2c",
        "accept": "*/*",
    }
    async with served(tell) as url, open_http_upstream("stock", url, SETTINGS) as upstream:
        await call(upstream, request("/x", headers=sent))
    assert set(seen) <= {b"host", b"accept", b"x-request-id", b"connection"}
    assert b"x-hop" not in seen


async def test_connections_are_kept_and_used_again() -> None:
    ports: set[int] = set()

    async def tell(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        ports.add(scope["client"][1])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async with served(tell) as url, open_http_upstream("stock", url, SETTINGS) as upstream:
        for _ in range(20):
            await call(upstream, request("/x"))
    assert len(ports) == 1


async def test_the_check_gives_the_reasons_of_a_service_that_is_not_ready() -> None:
    async def down() -> None:
        raise ConnectionError("connection refused")

    service = create_app("stock", SETTINGS, Health({"postgresql": down}, {}), [], {})
    async with served(service) as url, open_http_upstream("stock", url, SETTINGS) as upstream:
        with pytest.raises(UnavailableError, match="postgresql: connection refused"):
            await upstream.check()
