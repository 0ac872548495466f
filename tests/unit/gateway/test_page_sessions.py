"""The session of the page: a cookie that stands for a key."""

import os
import time
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Message

from stock_analysis.gateway.access import Access
from stock_analysis.gateway.keys import KeyRing, create_key
from stock_analysis.gateway.ports import KeyScope
from stock_analysis.gateway.sessions import COOKIE, SESSION_S, Sessions
from stock_analysis.kit.secret_files import Secret
from tests.unit.gateway.calls import Answer, call, echo_app, request
from tests.unit.gateway.fakes import InMemoryKeyStore

BARS = "/api/v1/stocks/AAPL/bars"


class Bench:
    """Access over one key, with a signing key in a file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "session_key"
        self.file.write_text("first\n")
        self.sessions = Sessions(Secret(self.file))
        self.store = InMemoryKeyStore()
        self.now = 0.0
        self.seen: list[dict[str, object]] = []
        ring = KeyRing(self.store, lambda: self.now)
        self.app: ASGIApp = Access(echo_app(seen=self.seen), ring, None, self.sessions)  # type: ignore[arg-type]  # a scope is a mapping

    async def add(self) -> str:
        _, key = create_key("test", frozenset({KeyScope.READ}), None)
        await self.store.add(key)
        return key.prefix

    async def ask(self, cookie: str | None, method: str = "GET", **headers: str) -> Answer:
        sent = {**headers, "cookie": f"theme=dark; {COOKIE}={cookie}"}
        return await call(self.app, request(BARS, method=method, headers=sent))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_a_session_stands_for_its_key_and_no_service_sees_the_cookie(bench: Bench) -> None:
    cookie = bench.sessions.begin(await bench.add())
    assert (await bench.ask(cookie)).status == 200
    assert "cookie" not in str(bench.seen[0]["headers"])


async def test_a_session_ends_with_its_key(bench: Bench) -> None:
    prefix = await bench.add()
    cookie = bench.sessions.begin(prefix)
    assert (await bench.ask(cookie)).status == 200
    await bench.store.revoke(prefix)
    bench.now = 5.0
    assert (await bench.ask(cookie)).status == 401


async def test_a_forged_cookie_is_refused(bench: Bench) -> None:
    prefix = await bench.add()
    cookie = bench.sessions.begin(prefix)
    assert cookie is not None
    other = Sessions(Secret(bench.file.with_name("other")))
    bench.file.with_name("other").write_text("other\n")
    for forged in (prefix, cookie[:-1], cookie.replace(prefix, "aaaaaaaa"), other.begin(prefix), "", "\xff"):
        assert (await bench.ask(forged)).status == 401, forged
    assert not bench.seen


async def test_a_session_is_too_old_after_12_hours(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = bench.sessions.begin(await bench.add())
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + SESSION_S - 5)
    assert (await bench.ask(cookie)).status == 200
    monkeypatch.setattr(time, "time", lambda: now + SESSION_S + 5)
    assert (await bench.ask(cookie)).status == 401


async def test_a_session_outlives_a_change_of_the_signing_key(bench: Bench) -> None:
    prefix = await bench.add()
    cookie = bench.sessions.begin(prefix)
    bench.file.write_text("second\nfirst\n")
    assert (await bench.ask(cookie)).status == 200
    newer = bench.sessions.begin(prefix)
    bench.file.write_text("third\nsecond\n")
    assert (await bench.ask(newer)).status == 200
    assert (await bench.ask(cookie)).status == 401


async def test_the_old_signing_key_ends_when_its_last_session_has(bench: Bench) -> None:
    cookie = bench.sessions.begin(await bench.add())
    bench.file.write_text("second\nfirst\n")
    changed = time.time() - SESSION_S - 5
    os.utime(bench.file, (changed, changed))
    assert (await bench.ask(cookie)).status == 401


async def test_a_session_changes_nothing_for_another_site(bench: Bench) -> None:
    cookie = bench.sessions.begin(await bench.add())
    assert (await bench.ask(cookie, "POST")).status == 403
    assert (await bench.ask(cookie, "POST", origin="https://evil.example")).status == 403
    assert (await bench.ask(cookie, "POST", origin="null")).status == 403
    assert not bench.seen
    assert (await bench.ask(cookie, "POST", origin="http://127.0.0.1:8080")).status == 200


async def test_a_signing_key_that_cannot_be_read_is_a_503(bench: Bench) -> None:
    cookie = bench.sessions.begin(await bench.add())
    bench.file.unlink()
    assert (await bench.ask(cookie)).status == 503


@pytest.mark.parametrize(
    ("origin", "passes"), [("http://127.0.0.1:8080", True), ("https://evil.example", False), (None, False)]
)
async def test_a_session_opens_a_websocket_for_the_page_alone(
    bench: Bench, origin: str | None, passes: bool
) -> None:
    cookie = bench.sessions.begin(await bench.add())
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = {"cookie": f"{COOKIE}={cookie}", **({"origin": origin} if origin else {})}
    scope = {**request("/ws", headers=headers), "type": "websocket"}
    del scope["method"]
    await bench.app(scope, receive, send)
    assert bool(bench.seen) is passes
    assert passes or sent[0]["status"] == 403
