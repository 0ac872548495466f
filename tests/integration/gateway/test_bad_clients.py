"""A real process and clients that misbehave on the wire."""

import http.client
import json
import socket
import time
from collections.abc import Iterator

import pytest

from tests.integration.gateway.test_draining import Gateway

START = b"GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("gateway") / "log")
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
        assert 0.5 < time.monotonic() - began < 4


def test_a_client_that_drips_its_head_is_cut_off_too(gateway: Gateway) -> None:
    with connect(gateway) as client:
        began = time.monotonic()
        try:
            for letter in START * 100:
                client.send(bytes([letter]))
                time.sleep(0.1)
        except ConnectionError:
            pass
        assert time.monotonic() - began < 4


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
