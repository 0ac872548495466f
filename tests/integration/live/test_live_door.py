"""WS /ws and GET /api/v1/stream as clients meet them, on the real server."""

import asyncio
import base64
import json
import os
import socket
from typing import Any

import aiohttp
import pytest
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus

from stock_analysis.domain.bar_builder import BarState
from stock_analysis.domain.live import FeedState, LiveStatus
from stock_analysis.gateway.keys import KeyRing, create_key
from stock_analysis.gateway.limits import InMemoryCounter, Limiter
from stock_analysis.gateway.live import connection
from stock_analysis.gateway.ports import KeyScope
from tests.integration.live.door import MARKET, OPEN, REPLAY, MadeUpHistory, bar, open_door
from tests.integration.live.wire import Mirror, Wire, wire
from tests.unit.gateway.fakes import InMemoryKeyStore

CLOSED, CORRECTED = BarState.CLOSED, BarState.CORRECTED


async def subscribe(client: Wire, **more: Any) -> tuple[str, dict[str, Any]]:
    await client.ask(op="subscribe", id=1, symbol="TEST", interval="1m", **more)
    channel = (await client.of_type("subscribed"))["channel"]
    return channel, await client.of_type("snapshot")


async def test_a_snapshot_then_numbered_deltas_and_a_closed_bar_is_final() -> None:
    async with open_door() as door, wire(door.url) as client:
        channel, snapshot = await subscribe(client, indicators=["sma(3)", "vwap"], limit=4)
        assert (snapshot["channel"], snapshot["n"], snapshot["state"]) == (channel, 1, "none")
        assert len(snapshot["bars"]["t"]) == 4
        assert (snapshot["forming"], snapshot["left_out"]) == (0, ["vwap(0,0)"])
        mirror = Mirror()
        for update in (bar(0, 11), bar(0, 12), bar(0, 12, CLOSED), bar(1, 13)):
            door.hub.take("TEST", update)
            await asyncio.sleep(0.15)
        while mirror.bars.get(OPEN + 60) is None:
            mirror.take(await client.until(lambda one: one["type"] in ("snapshot", "delta", "state")))
        assert mirror.gaps == 0
        assert mirror.states[OPEN] == "closed"
        assert mirror.states[OPEN + 60] == "forming"
        assert mirror.indicators["sma(3)"]["real"][OPEN] == pytest.approx(
            (10 + 99 % 7 + 10 + 98 % 7 + 12) / 3
        )


async def test_a_forming_bar_never_counts_as_closed_for_the_next_one() -> None:
    async with open_door() as door, wire(door.url) as client:
        await subscribe(client, indicators=["ema(3)"], limit=2)
        door.hub.take("TEST", bar(0, 500))
        await client.of_type("snapshot")
        door.hub.take("TEST", bar(1, 11))
        door.hub.take("TEST", bar(0, 12, CLOSED))
        await asyncio.sleep(0.3)
        door.hub.take("TEST", bar(1, 11, CLOSED))
        message = await client.until(
            lambda one: (
                one["type"] == "delta"
                and any(row[0] == OPEN + 60 and row[-1] == "closed" for row in one["bars"])
            )
        )
    async with open_door() as door, wire(door.url) as other:
        await subscribe(other, indicators=["ema(3)"], limit=2)
        for update in (bar(0, 12, CLOSED), bar(1, 11, CLOSED)):
            door.hub.take("TEST", update)
        again = await other.until(
            lambda one: one["type"] in ("delta", "snapshot") and OPEN + 60 in _times(one)
        )
    assert _last(message, "ema(3)") == _last(again, "ema(3)")


def _times(message: dict[str, Any]) -> list[int]:
    bars = message["bars"]
    return bars["t"] if isinstance(bars, dict) else [row[0] for row in bars]


def _last(message: dict[str, Any], spec: str) -> float:
    found = message["indicators"]
    if isinstance(found, list):
        return float(found[0]["outputs"]["real"][-1])
    return float(found[spec]["real"][-1])


async def test_what_was_missed_is_sent_and_what_is_gone_leads_to_a_snapshot() -> None:
    async with open_door() as door, wire(door.url) as first, wire(door.url) as stays:
        channel, _ = await subscribe(first)
        await subscribe(stays)
        door.hub.take("TEST", bar(0, 11))
        seen = (await first.of_type("snapshot"))["n"]
        for number in range(3):
            door.hub.take("TEST", bar(0, 12 + number))
            await asyncio.sleep(0.15)
        await stays.until(lambda one: one["type"] == "delta" and one["bars"][0][4] == 14)
        async with wire(door.url) as again:
            await again.ask(
                op="subscribe", id=7, symbol="TEST", interval="1m", resume={"channel": channel, "n": seen}
            )
            await again.of_type("subscribed")
            missed = [await again.until(lambda _: True) for _ in range(3)]
            assert [one["type"] for one in missed] == ["delta"] * 3
            assert [one["n"] for one in missed] == [seen + 1, seen + 2, seen + 3]
        for resume in ({"channel": "other-1", "n": seen}, {"channel": channel, "n": 10**6}):
            async with wire(door.url) as lost:
                await lost.ask(op="subscribe", id=7, symbol="TEST", interval="1m", resume=resume)
                await lost.of_type("subscribed")
                assert (await lost.until(lambda _: True))["type"] == "snapshot"


async def test_ten_deltas_a_second_at_most_and_no_closed_bar_is_left_out() -> None:
    async with open_door() as door, wire(door.url) as client:
        await subscribe(client)
        door.hub.take("TEST", bar(0, 11))
        await client.of_type("snapshot")
        loop = asyncio.get_running_loop()
        began = loop.time()
        for minute in range(60):
            for step in range(5):
                door.hub.take("TEST", bar(minute, 10 + step))
            door.hub.take("TEST", bar(minute, 12, CLOSED))
            await asyncio.sleep(0.02)
        took = loop.time() - began
        await client.until(lambda one: one["type"] == "delta" and one["bars"][-1][0] == OPEN + 59 * 60)
        deltas = [one for one in client.seen if one["type"] == "delta"]
        assert len(deltas) <= took * 10 + 2
        closed = {row[0] for one in deltas for row in one["bars"] if row[-1] == "closed"}
        assert closed == {OPEN + 60 * minute for minute in range(60)}


async def test_a_correction_of_a_closed_bar_leads_to_a_new_snapshot() -> None:
    async with open_door() as door, wire(door.url) as client:
        await subscribe(client)
        for update in (bar(0, 11), bar(0, 11, CLOSED), bar(1, 12)):
            door.hub.take("TEST", update)
        await client.until(lambda one: one["type"] in ("snapshot", "delta") and OPEN + 60 in _times(one))
        door.hub.take("TEST", bar(0, 99, CORRECTED))
        corrected = await client.of_type("snapshot")
        assert corrected["bars"]["c"][-2:] == [99, 12]


async def test_the_market_goes_before_a_replay_and_a_replay_is_always_marked() -> None:
    async with open_door() as door, wire(door.url) as client:
        await subscribe(client)
        door.hub.take("TEST", bar(0, 11, origin=REPLAY))
        shown = await client.of_type("snapshot")
        assert (shown["feed"], shown["run"], shown["speed"]) == ("replay", "r1", 60)
        door.hub.take("TEST", bar(3, 20))
        assert (await client.of_type("snapshot"))["feed"] == "live"
        before = len(client.seen)
        door.hub.take("TEST", bar(1, 12, origin=REPLAY))
        door.hub.take("TEST", bar(3, 21))
        await client.until(lambda one: one["type"] == "delta" and one["bars"][-1][4] == 21)
        assert all(
            row[4] != 12 for one in client.seen[before:] if one["type"] == "delta" for row in one["bars"]
        )


async def test_states_are_told_with_as_of() -> None:
    async with open_door() as door, wire(door.url) as client:
        await subscribe(client)
        door.hub.take("TEST", bar(0, 11))
        await client.of_type("snapshot")
        door.hub.take("TEST", LiveStatus(MARKET, FeedState.SILENT, 123, "no trade for 2 min"))
        told = await client.of_type("state")
        assert (told["state"], told["detail"]) == ("silent", "no trade for 2 min")
        assert told["as_of"] == OPEN * 1000 + 1
        door.hub.lose("the event log cannot be reached")
        assert (await client.of_type("state"))["state"] == "reconnecting"


@pytest.mark.parametrize(
    ("sent", "status", "detail"),
    [
        ("{", 400, "Invalid JSON"),
        ('{"op":"dance"}', 400, "dance"),
        ('{"op":"subscribe","id":1}', 400, "symbol"),
        ('{"op":"subscribe","id":1,"symbol":"NONE"}', 404, "no instrument"),
        ('{"op":"subscribe","id":1,"symbol":"TEST","interval":"7m"}', 400, "interval"),
        ('{"op":"subscribe","id":1,"symbol":"TEST","indicators":["nope(1)"]}', 400, "nope"),
        ('{"op":"subscribe","id":1,"symbol":"TEST","limit":0}', 400, "limit"),
        ('{"op":"unsubscribe","id":9}', 400, "nothing is subscribed"),
    ],
)
async def test_a_wrong_message_gets_a_readable_error_and_the_connection_goes_on(
    sent: str, status: int, detail: str
) -> None:
    async with open_door() as door, wire(door.url) as client:
        await client.socket.send(sent)
        error = await client.of_type("error")
        assert error["status"] == status
        assert detail in error["detail"]
        await client.ask(op="ping")
        await client.of_type("pong")


async def test_bounds_on_subscriptions_channels_connections_and_errors() -> None:
    async with open_door(subscriptions=2, channels=3, clients_of_one=2) as door:
        async with wire(door.url) as client, wire(door.url) as other:
            for number in range(3):
                await client.ask(op="subscribe", id=number, symbol=f"TEST{number}", interval="1m")
            assert (await client.of_type("error"))["detail"] == "a connection has at most 2 subscriptions"
            await other.ask(op="subscribe", id=1, symbol="TEST7", interval="1m")
            await other.of_type("snapshot")
            await other.ask(op="subscribe", id=2, symbol="TEST8", interval="1m")
            assert "all 3 channels" in (await other.of_type("error"))["detail"]
            with pytest.raises(InvalidStatus) as refused:
                async with wire(door.url):
                    pass
            assert refused.value.response.status_code == 429
            for _ in range(connection.MOST_ERRORS):
                await other.socket.send("nonsense")
            bye = await other.of_type("bye")
            assert bye["code"] == 1008
            with pytest.raises(ConnectionClosedError):
                await other.of_type("never")
        await asyncio.sleep(0.2)
        assert len(door.hub.channels()) == 0


async def test_a_client_that_reads_nothing_is_cut_to_snapshots_then_closed_with_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "SLOW_S", 1.0)
    monkeypatch.setattr(connection, "CLOSE_S", 60.0)
    monkeypatch.setattr("stock_analysis.gateway.live.door.HEARTBEAT_S", 0.3)
    async with open_door(history=MadeUpHistory(count=4000), channels=60, subscriptions=60) as door:
        stuck = _raw(door.url)
        for number in range(40):
            _send(
                stuck,
                {"op": "subscribe", "id": number, "symbol": f"TEST{number}", "interval": "1m", "limit": 4000},
            )
        async with wire(door.url) as healthy:
            await healthy.ask(op="subscribe", id=1, symbol="TEST1", interval="1m", limit=5)
            await healthy.of_type("snapshot")
            loop = asyncio.get_running_loop()
            until = loop.time() + 4
            while loop.time() < until:
                for number in range(40):
                    door.hub.take(f"TEST{number}", bar(0, 11 + loop.time() % 1))
                await asyncio.sleep(0.05)
            assert any(one["type"] == "delta" for one in healthy.seen) or await healthy.of_type("delta")
        received = await asyncio.to_thread(_read_all, stuck)
        assert len(received) < 20 * 2**20
        assert received[-2 - len(b"too slow: nothing was read for 1 s") :].endswith(
            b"too slow: nothing was read for 1 s"
        )


def _raw(url: str) -> socket.socket:
    """A WebSocket by hand, with a small room for what it does not read."""
    host, port = url.removeprefix("http://").split(":")
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect((host, int(port)))
    key = base64.b64encode(os.urandom(16)).decode()
    raw.sendall(
        f"GET /ws HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    return raw


def _send(raw: socket.socket, content: dict[str, Any]) -> None:
    data = json.dumps(content).encode()
    size = bytes((0x81, 0x80 | len(data))) if len(data) < 126 else b"\x81\xfe" + len(data).to_bytes(2, "big")
    raw.sendall(size + bytes(4) + data)


def _read_all(raw: socket.socket) -> bytes:
    raw.settimeout(15)
    found = bytearray()
    try:
        while data := raw.recv(2**20):
            found += data
    except (TimeoutError, ConnectionError):
        pass
    finally:
        raw.close()
    return bytes(found)


async def test_keys_as_in_http_also_as_a_protocol_and_a_revoked_one_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "CHECK_KEY_S", 0.1)
    monkeypatch.setattr("stock_analysis.gateway.live.door.HEARTBEAT_S", 0.3)
    store = InMemoryKeyStore()
    token, key = create_key("page", frozenset({KeyScope.READ}), None)
    await store.add(key)
    async with open_door(ring=KeyRing(store)) as door:
        for options in ({}, {"subprotocols": ["stock-analysis.v1", "bearer.sa_wrong"]}):
            with pytest.raises(InvalidStatus) as refused:
                async with wire(door.url, **options):
                    pass
            assert refused.value.response.status_code == 401
        async with wire(door.url, additional_headers={"Authorization": f"Bearer {token}"}) as client:
            await client.of_type("hello")
        protocols = ["stock-analysis.v1", f"bearer.{token}"]
        async with wire(door.url, subprotocols=protocols) as page:
            assert page.socket.subprotocol == "stock-analysis.v1"
            await page.of_type("hello")
            await store.revoke(key.prefix)
            bye = await page.of_type("bye")
            assert bye["reason"] == "the API key is expired or revoked"


async def test_subscriptions_count_as_requests() -> None:
    async with open_door(limiter=Limiter(InMemoryCounter(), 3)) as door, wire(door.url) as client:
        for number in range(4):
            await client.ask(op="subscribe", id=number, symbol=f"TEST{number}", interval="1m")
        error = await client.of_type("error")
        assert error["status"] == 429
        assert "more than 3 requests in a minute" in error["detail"]


async def test_pages_of_other_origins_are_refused() -> None:
    async with open_door() as door:
        for origin in (door.url, "https://charts.example"):
            async with wire(door.url, origin=origin) as client:
                await client.of_type("hello")
        with pytest.raises(InvalidStatus) as refused:
            async with wire(door.url, origin="https://evil.example"):
                pass
        assert refused.value.response.status_code == 403


async def test_a_stopping_server_says_bye_and_takes_nobody_new() -> None:
    async with open_door() as door, wire(door.url) as client:
        await client.of_type("hello")
        door.health.stopping = True
        assert (await client.of_type("bye"))["code"] == 1001
        with pytest.raises(ConnectionClosedOK):
            await client.of_type("never")
        with pytest.raises(InvalidStatus) as refused:
            async with wire(door.url):
                pass
        assert refused.value.response.status_code == 503


async def test_server_sent_events_say_the_same_and_go_on_where_they_were() -> None:
    async with open_door() as door, aiohttp.ClientSession() as session:
        url = f"{door.url}/api/v1/stream?symbol=TEST&interval=1m&limit=3&i=sma(3)"
        async with session.get(url) as answer, wire(door.url) as stays:
            assert answer.headers["content-type"].startswith("text/event-stream")
            await subscribe(stays, indicators=["sma(3)"], limit=3)
            _, kind, content = await _event(answer)
            assert (kind, len(content["bars"]["t"])) == ("snapshot", 3)
            door.hub.take("TEST", bar(0, 11))
            last, kind, content = await _event(answer)
            assert (kind, content["feed"]) == ("snapshot", "live")
            await stays.of_type("snapshot")
            door.hub.take("TEST", bar(0, 12))
            await stays.of_type("delta")
            async with session.get(url, headers={"Last-Event-ID": last}) as again:
                _, kind, content = await _event(again)
                assert (kind, content["bars"][0][4]) == ("delta", 12)
            door.health.stopping = True
            kinds = []
            while "bye" not in kinds:
                kinds.append((await _event(answer))[1])
            assert (await answer.content.read()).strip() == b""


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 400), ("symbol=NONE", 404), ("symbol=TEST&interval=x", 400), ("symbol=TEST&colour=red", 400)],
)
async def test_a_wrong_stream_is_refused_as_http_refuses(query: str, status: int) -> None:
    async with open_door() as door, aiohttp.ClientSession() as session:
        async with session.get(f"{door.url}/api/v1/stream?{query}") as answer:
            assert answer.status == status
            assert answer.content_type == "application/problem+json"
        assert not door.hub.channels()


async def _event(answer: aiohttp.ClientResponse) -> tuple[str, str, dict[str, Any]]:
    id_, kind = "", ""
    async with asyncio.timeout(20):
        while True:
            line = (await answer.content.readline()).decode().rstrip("\n")
            name, _, value = line.partition(": ")
            if name == "id":
                id_ = value
            elif name == "event":
                kind = value
            elif name == "data":
                return id_, kind, json.loads(value)


async def test_a_plain_request_for_the_websocket_is_told_how_it_is_meant() -> None:
    async with (
        open_door() as door,
        aiohttp.ClientSession() as session,
        session.get(f"{door.url}/ws") as answer,
    ):
        assert answer.status == 426
        assert (await answer.json())["detail"].startswith("this path is for WebSockets")
