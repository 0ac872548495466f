"""What the part `backup` answers to the head of a request, byte by byte."""

import pytest

from stock_ops.watch.runners.status_page import Page, answer

HOST = "Host: 127.0.0.1:8090\r\n"


def broken() -> tuple[str, bytes]:
    raise RuntimeError("secret detail")


PAGES: dict[str, Page] = {"/livez": lambda: ("text/plain", b"ok\n"), "/broken": broken}


def ask(head: str) -> tuple[int, bytes, bytes]:
    response = answer(f"{head}\r\n".encode("latin-1"), PAGES)
    head_sent, _, body = response.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head_sent
    for header in (b"X-Content-Type-Options: nosniff", b"Content-Security-Policy: default-src 'none'"):
        assert header in head_sent
    assert b"secret" not in response
    return int(head_sent.split()[1]), head_sent, body


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET /livez HTTP/1.1", 200),
        ("GET /livez?x=1 HTTP/1.1", 200),
        ("GET / HTTP/1.1", 404),
        ("GET /../status HTTP/1.1", 404),
        ("POST /livez HTTP/1.1", 405),
        ("GET /broken HTTP/1.1", 500),
        ("\xff\xfe", 400),
        ("", 400),
        ("GET http://evil.example/livez HTTP/1.1", 400),
        ("GET http://127.0.0.1:8090/livez HTTP/1.1", 400),
    ],
)
def test_only_the_pages_are_answered(request_line: str, status: int) -> None:
    assert ask(f"{request_line}\r\n{HOST}")[0] == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("Host: 127.0.0.1\r\n", 200),
        ("host: LOCALHOST:1\r\n", 200),
        ("Host: [::1]:1\r\n", 200),
        ("Host: evil.example\r\n", 421),
        ("Host: 127.0.0.1.evil.example\r\n", 421),
        ("Host: 127.0.0.1@evil.example\r\n", 400),
        ("Host: localhost:x\r\n", 400),
        ("Host:\r\n", 400),
        ("", 400),
        (HOST + HOST, 400),
        (HOST + "Host: evil.example\r\n", 400),
    ],
)
def test_only_a_name_of_this_machine_is_answered_to(host: str, status: int) -> None:
    assert ask(f"GET /livez HTTP/1.1\r\n{host}")[0] == status


def test_in_a_pod_its_address_is_a_name_too_and_no_other_name_is(monkeypatch: pytest.MonkeyPatch) -> None:
    pod = "Host: 10.1.2.3:8003\r\n"
    assert ask(f"GET /livez HTTP/1.1\r\n{pod}")[0] == 421
    monkeypatch.setenv("STOCKOPS_SERVERS", "postgresql=db:5432 backup=s-backup:8003")
    for host, status in ((pod, 200), ("Host: s-backup:8003\r\n", 200), ("Host: evil.example\r\n", 421)):
        assert ask(f"GET /livez HTTP/1.1\r\n{host}")[0] == status


def test_without_a_host_an_old_client_is_refused_too() -> None:
    assert ask("GET /livez HTTP/1.0\r\n")[0] == 400


@pytest.mark.parametrize(
    "fields", ["".join(f"X-{n}: x\r\n" for n in range(100)), f"X: {'x' * 9000}\r\n"], ids=["many", "long"]
)
def test_a_head_that_is_too_large_is_refused(fields: str) -> None:
    assert ask(f"GET /livez HTTP/1.1\r\n{HOST}{fields}")[0] == 431
