"""A real process and clients that misbehave on the wire."""

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterator

import pytest

from stock_analysis.kit.headers import SECURITY_HEADERS
from tests.integration.gateway.test_draining import Gateway

REQUEST_TIMEOUT_S = 3.0
START = b"GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("gateway") / "log", request_timeout_s=REQUEST_TIMEOUT_S)
    yield gateway
    gateway.terminate()
    gateway.wait()


def connect(gateway: Gateway) -> socket.socket:
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=10)


def rest_of(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionError:
        pass
    return received


def test_a_head_without_end_is_refused_before_it_fills_the_memory(gateway: Gateway) -> None:
    with connect(gateway) as client:
        client.sendall(START)
        sent = 0
        try:
            while sent < 50_000_000:
                sent += client.send(b"x-filler: " + b"x" * 60_000)
        except ConnectionError:
            pass
        assert sent < 10_000_000
    assert gateway.accepts()
    assert "its head is larger" in gateway.log


@pytest.mark.parametrize("start", [b"", b"GET /live", START])
def test_a_client_that_never_ends_its_head_is_cut_off_in_time(gateway: Gateway, start: bytes) -> None:
    with connect(gateway) as client:
        began = time.monotonic()
        client.sendall(start)
        assert rest_of(client) == b""
        assert 0.5 < time.monotonic() - began < 9


def test_a_client_that_drips_its_head_is_cut_off_too(gateway: Gateway) -> None:
    with connect(gateway) as client:
        began = time.monotonic()
        try:
            for letter in START * 100:
                client.send(bytes([letter]))
                time.sleep(0.1)
        except ConnectionError:
            pass
        assert time.monotonic() - began < 9


def test_an_idle_connection_between_two_requests_is_not_cut_by_the_time_for_a_head(gateway: Gateway) -> None:
    client = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    for _ in range(2):
        client.request("GET", "/livez")
        assert client.getresponse().read()
        held = client.sock
        time.sleep(1.5)
    assert client.sock is held
    client.close()


def test_an_answer_that_takes_longer_than_a_head_may_is_not_cut(gateway: Gateway) -> None:
    assert gateway.get("/api/v1/stocks/2")[0] == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n", 400),
        (b"FOO / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", 400),
        (START + b"content-length: -5\r\n\r\n", 400),
        (START + b"x-filler: " + b"x" * 70_000, 431),
        (START + b"".join(b"x-%d: %s\r\n" % (n, b"x" * 1000) for n in range(100)) + b"\r\n", 431),
        (START + b"".join(b"x-%d: x\r\n" % n for n in range(500)) + b"\r\n", 431),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", 431),
        (START + b"host: 127.0.0.1\r\n\r\n", 400),
        (START + b"Host: evil.example\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nhost:\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nhost: a b\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nhost: user@127.0.0.1\r\n\r\n", 400),
        (b"GET http://evil.example/livez HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", 400),
        (b"GET http://evil.example/livez HTTP/1.0\r\n\r\n", 400),
        (b"CONNECT 127.0.0.1:8080 HTTP/1.1\r\nhost: 127.0.0.1:8080\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_is_refused_as_everything_else_is(
    gateway: Gateway, sent: bytes, status: int
) -> None:
    with connect(gateway) as client:
        client.sendall(sent)
        head, _, body = rest_of(client).partition(b"\r\n\r\n")
    told = json.loads(body)
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-type: application/problem+json" in head
    for name, value in SECURITY_HEADERS:
        assert b"\r\n%s: %s" % (name, value) in head
    assert f"x-request-id: {told['request_id']}".encode() in head
    assert (told["status"], told["instance"]) == (status, "")
    assert told["request_id"] in gateway.log


def test_a_body_that_is_too_large_is_refused_by_its_announced_length(gateway: Gateway) -> None:
    with connect(gateway) as client:
        client.sendall(
            b"POST /api/v1/operations HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 99999999\r\n\r\n"
        )
        answer = rest_of(client)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    "sent",
    [
        b"GET http://127.0.0.1:%d/livez HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n\r\n",
        b"GET HTTP://LOCALHOST:%d/livez HTTP/1.1\r\nhost: localhost:%d\r\n\r\n",
    ],
)
def test_a_whole_address_that_names_the_host_of_the_header_is_answered(gateway: Gateway, sent: bytes) -> None:
    with connect(gateway) as client:
        client.sendall(sent % (gateway.port, gateway.port))
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
READ = b"POST /api/v1/operations HTTP/1.1\r\nhost: 127.0.0.1\r\n"


@pytest.mark.parametrize("head", [START, READ], ids=["answered at once", "refused at once"])
@pytest.mark.parametrize(
    ("rest", "drops"),
    [
        (b"content-length: 100000\r\n\r\n", b"x"),
        (CHUNKED, b"1\r\nx\r\n"),
        (CHUNKED + b"5;", b"x"),
        (CHUNKED + b"5;a=", b"x"),
        (CHUNKED + b"0\r\n", b"x: y\r\n"),
    ],
    ids=["body", "chunks", "chunk extension", "its value", "trailers"],
)
def test_a_body_that_drips_ends_at_the_time_of_a_request(
    gateway: Gateway, head: bytes, rest: bytes, drops: bytes
) -> None:
    with connect(gateway) as client:
        client.sendall(head + rest)
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - began < 3 * REQUEST_TIMEOUT_S:
                client.send(drops)
                time.sleep(0.2)
        assert time.monotonic() - began < 2 * REQUEST_TIMEOUT_S


def test_a_field_behind_the_body_is_none_of_the_request_and_there_may_not_be_many(gateway: Gateway) -> None:
    with connect(gateway) as client:
        client.sendall(START + CHUNKED + b"0\r\nx-request-id: behind-the-body\r\n\r\n")
        assert b"behind-the-body" not in client.recv(65536)
    with connect(gateway) as client:
        client.sendall(
            START + CHUNKED + b"0\r\n" + b"".join(b"x-%d: x\r\n" % n for n in range(500)) + b"\r\n"
        )
        rest_of(client)
    assert "fields" in gateway.log


def test_the_end_of_a_large_body_in_one_read_with_the_next_head_is_not_taken_for_a_large_head(
    gateway: Gateway,
) -> None:
    body = b"x" * 200_000
    post = READ + b"content-length: %d\r\n\r\n" % len(body)
    with connect(gateway) as client:
        client.sendall(post + body[:10])
        time.sleep(0.2)
        client.sendall(body[10:] + START + b"connection: close\r\n\r\n")
        assert b"HTTP/1.1 431" not in rest_of(client)


def test_an_answer_under_way_is_never_mixed_with_the_refusal_of_the_next_request(gateway: Gateway) -> None:
    with connect(gateway) as client:
        client.sendall(b"GET /api/v1/stocks/1 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        time.sleep(0.3)
        client.sendall(b"NONSENSE\r\n\r\n")
        _, _, body = rest_of(client).partition(b"\r\n\r\n")
    assert b"HTTP/1.1" not in body
