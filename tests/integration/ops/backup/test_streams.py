"""What Valkey holds and cannot make again comes back as it was, and consumers go on where they stood."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import valkey

from stock_analysis.testing.valkey import PASSWORD, ValkeyServer
from stock_ops.backup.facts.creation import Cache
from stock_ops.backup.runners.streams import opened, put_back, read_keys, read_positions
from stock_ops.kit.errors import PartError
from stock_ops.storage.streams import dump_streams, load_streams

BINARY = bytes(range(256))


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    server = ValkeyServer()
    yield server
    server.remove()


@pytest.fixture
def client(server: ValkeyServer) -> Iterator[Any]:
    with valkey.Valkey("127.0.0.1", server.port, password=PASSWORD) as client:
        client.flushall()
        yield client


def kept(client: Any) -> list[dict[str, Any]]:
    """As it goes into a backup, and comes out of it."""
    return load_streams(dump_streams(read_keys(client, read_positions(client))))


def fill(client: Any) -> None:
    client.set("text", "täxt")
    client.set("bytes", BINARY)
    client.rpush("list", "b", "a", BINARY)
    client.sadd("set", "x", "y")
    client.hset("hash", mapping={"one": "1", b"\xff": BINARY})
    client.zadd("zset", {"low": -1.5, "high": 2.25})
    client.set("passing", "soon gone", px=3_600_000)
    for number in range(1, 6):
        client.xadd("events", {"bar": str(number), b"\xfe": BINARY}, id=f"{number}-0")
    client.xdel("events", "5-0")
    client.xgroup_create("events", "readers", id="0")
    client.xreadgroup("readers", "one", {"events": ">"}, count=2)
    client.xreadgroup("readers", "two", {"events": ">"}, count=1)
    client.xack("events", "readers", "1-0")
    client.xgroup_create("empty", "waiting", id="$", mkstream=True)


def test_every_type_comes_back_as_it_was(client: Any) -> None:
    fill(client)
    before = kept(client)
    assert [one["key"] for one in before] == sorted(
        ["text", "bytes", "list", "set", "hash", "zset", "passing", "events", "empty"]
    )
    expires = client.pexpiretime("passing")
    client.flushall()
    put_back(client, before)
    assert kept(client) == before
    assert client.get("bytes") == BINARY
    assert client.lrange("list", 0, -1) == [b"b", b"a", BINARY]
    assert client.pexpiretime("passing") == expires
    assert client.pexpiretime("text") == -1


def test_a_consumer_goes_on_where_it_stood(client: Any) -> None:
    fill(client)
    before = kept(client)
    client.flushall()
    put_back(client, before)
    assert client.xreadgroup("readers", "one", {"events": "0"})[0][1][0][0] == b"2-0"  # not confirmed yet
    ((_, entries),) = client.xreadgroup("readers", "one", {"events": ">"})
    assert [entry for entry, _ in entries] == [b"4-0"]
    assert client.xinfo_stream("events")["last-generated-id"] == b"5-0"
    with pytest.raises(valkey.ResponseError):
        client.xadd("events", {"bar": "again"}, id="5-0")


def test_what_is_there_already_is_replaced(client: Any) -> None:
    fill(client)
    before = kept(client)
    client.xadd("events", {"bar": "later"}, id="9-0")
    client.set("text", "another")
    put_back(client, before)
    assert kept(client) == before


def test_what_can_be_made_again_is_not_kept(client: Any) -> None:
    client.set("0123456789abcdef0123456789abcdef", "a ready answer")
    client.set("limit:127.0.0.1:29000", 7)
    assert kept(client) == []


def test_positions_are_those_of_before_the_mark_and_events_those_of_after(client: Any) -> None:
    fill(client)
    positions = read_positions(client)
    client.xadd("events", {"bar": "6"}, id="6-0")
    client.xreadgroup("readers", "one", {"events": ">"})
    client.xadd("later", {"bar": "1"}, id="1-0")
    client.xgroup_create("later", "readers", id="$")
    found = {one["key"]: one["value"] for one in read_keys(client, positions)}
    assert found["events"]["entries"][-1][0] == "6-0"
    assert found["events"]["groups"][0]["last_delivered_id"] == "3-0"
    assert found["later"]["groups"] == []


def test_long_streams_are_read_in_parts(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stock_ops.backup.runners.streams._BATCH", 2)
    fill(client)
    (events,) = (one["value"] for one in kept(client) if one["key"] == "events")
    assert [entry for entry, _ in events["entries"]] == ["1-0", "2-0", "3-0", "4-0"]
    pending = events["groups"][0]["pending"]
    assert [(one["id"], one["consumer"]) for one in pending] == [("2-0", "one"), ("3-0", "two")]


def test_a_server_that_is_gone_is_said_to() -> None:
    with (
        pytest.raises(PartError, match="Valkey does not answer"),
        opened(Cache("127.0.0.1", 1, "x")) as client,
    ):
        read_positions(client)


@pytest.mark.parametrize("text", [b"[]", b"{}", json.dumps({"format": 2, "keys": []}).encode()])
def test_another_format_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="format"):
        load_streams(text)
