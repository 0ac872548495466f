"""Data of Valkey that cannot be computed again: read at the mark, and put back by a restore.

Positions are read before the mark and everything else after it. Whatever a consumer has done with an event by
then is in the database at the mark; an event may come twice after a restore, but none is passed over.
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from stock_ops.backup.facts.creation import Cache
from stock_ops.kit.errors import PartError
from stock_ops.storage.streams import Text, decode, encode

REBUILDABLE = re.compile(rb"limit:.*|[0-9a-f]{32}", re.DOTALL)
"""Keys that the platform makes again by itself: counts of requests, and ready answers."""

_TIMEOUT_S = 20.0
_BATCH = 1000

T = TypeVar("T")
Client = Any
"""valkey.Valkey, whose types are those of its asynchronous sister, too."""
Positions = Mapping[bytes, list[dict[str, Any]]]
"""Groups of each stream."""


@contextlib.contextmanager
def opened(cache: Cache) -> Iterator[Client]:
    """A connection to Valkey. Its errors come as PartError."""
    import valkey  # late: it takes long to load, and most verbs do without it

    client: Client = valkey.Valkey(
        cache.host,
        cache.port,
        password=cache.password,
        socket_timeout=_TIMEOUT_S,
        socket_connect_timeout=_TIMEOUT_S,
    )
    try:
        yield client
    except (valkey.ValkeyError, OSError) as error:
        raise PartError(f"Valkey does not answer: {error}.", "See `stockops logs valkey`.") from error
    finally:
        client.close()


def read_positions(client: Client) -> Positions:
    """The position of each group of each stream, and its unconfirmed entries."""
    keys = set(client.scan_iter(count=_BATCH, _type="stream"))
    found = {key: _unless_gone(client, key, "stream", _read_groups) for key in keys}
    return {key: groups for key, groups in found.items() if groups is not None}


def read_keys(client: Client, positions: Positions) -> list[dict[str, Any]]:
    """Every key that cannot be computed again, with the positions of before."""
    keys = set(client.scan_iter(count=_BATCH))
    found = (_read_key(client, key, positions) for key in sorted(keys) if not REBUILDABLE.fullmatch(key))
    return [one for one in found if one is not None]


def put_back(client: Client, keys: Sequence[Mapping[str, Any]]) -> None:
    """Put back the keys that read_keys gave; a key of the same name is replaced."""
    for one in keys:
        key = decode(one["key"])
        client.delete(key)
        _KINDS[one["type"]][1](client, key, one["value"])
        if one["expires_at_ms"] is not None:
            client.pexpireat(key, one["expires_at_ms"])


def _read_key(client: Client, key: bytes, positions: Positions) -> dict[str, Any] | None:
    kind, expires = client.type(key).decode(), client.pexpiretime(key)
    if kind == "none":
        return None
    if kind not in _KINDS:
        raise PartError(f"Valkey holds {key!r} as {kind}, which has no portable form.", "Report this.")
    value = _unless_gone(client, key, kind, _KINDS[kind][0])
    if value is None:
        return None
    if kind == "stream":
        value["groups"] = positions.get(key, [])
    return {
        "key": encode(key),
        "type": kind,
        "expires_at_ms": expires if expires > 0 else None,
        "value": value,
    }


def _unless_gone(client: Client, key: bytes, kind: str, read: Callable[[Client, bytes], T]) -> T | None:
    """What is read of a key; None when it went away, or became another, meanwhile."""
    from valkey import ResponseError

    try:
        value = read(client, key)
    except ResponseError:
        if client.type(key).decode() == kind:
            raise
        return None
    return value if client.type(key).decode() == kind else None


def _read_groups(client: Client, key: bytes) -> list[dict[str, Any]]:
    return [
        {
            "name": encode(group["name"]),
            "last_delivered_id": group["last-delivered-id"].decode(),
            "pending": list(_read_pending(client, key, group["name"])),
        }
        for group in client.xinfo_groups(key)
    ]


def _read_pending(client: Client, key: bytes, group: bytes) -> Iterator[dict[str, Any]]:
    first = "-"
    while batch := client.xpending_range(key, group, first, "+", _BATCH):
        for one in batch:
            told = {"consumer": encode(one["consumer"]), "deliveries": one["times_delivered"]}
            yield {"id": one["message_id"].decode(), **told}
        first = f"({batch[-1]['message_id'].decode()}"


def _read_stream(client: Client, key: bytes) -> dict[str, Any]:
    entries: list[list[Any]] = []
    first = "-"
    while batch := client.xrange(key, first, "+", _BATCH):
        entries += [[entry.decode(), _pairs(fields)] for entry, fields in batch]
        first = f"({entries[-1][0]}"
    return {"last_id": client.xinfo_stream(key)["last-generated-id"].decode(), "entries": entries}


def _write_stream(client: Client, key: bytes, value: Mapping[str, Any]) -> None:
    """An empty stream is begun and emptied again, for it may have groups and a last id."""
    for entry, fields in value["entries"] or [["0-1", [["", ""]]]]:
        client.xadd(key, {decode(name): decode(text) for name, text in fields}, id=entry)
    if not value["entries"]:
        client.xtrim(key, maxlen=0, approximate=False)
    client.execute_command("XSETID", key, value["last_id"])
    for group in value["groups"]:
        name = decode(group["name"])
        client.xgroup_create(key, name, id=group["last_delivered_id"])
        for one in group["pending"]:
            told = {"retrycount": one["deliveries"], "force": True, "justid": True}
            client.xclaim(key, name, decode(one["consumer"]), 0, [one["id"]], **told)


def _pairs(fields: Mapping[bytes, bytes]) -> list[list[Text]]:
    return [[encode(name), encode(value)] for name, value in fields.items()]


def _texts(values: Iterable[bytes]) -> list[Text]:
    return [encode(value) for value in values]


_KINDS: dict[str, tuple[Callable[[Client, bytes], Any], Callable[[Client, bytes, Any], object]]] = {
    "string": (
        lambda client, key: encode(client.get(key) or b""),
        lambda client, key, value: client.set(key, decode(value)),
    ),
    "list": (
        lambda client, key: _texts(client.lrange(key, 0, -1)),
        lambda client, key, value: client.rpush(key, *map(decode, value)),
    ),
    "set": (
        lambda client, key: _texts(sorted(client.smembers(key))),
        lambda client, key, value: client.sadd(key, *map(decode, value)),
    ),
    "hash": (
        lambda client, key: _pairs(client.hgetall(key)),
        lambda client, key, value: client.hset(
            key, mapping={decode(name): decode(text) for name, text in value}
        ),
    ),
    "zset": (
        lambda client, key: [
            [encode(name), score] for name, score in client.zrange(key, 0, -1, withscores=True)
        ],
        lambda client, key, value: client.zadd(key, {decode(name): score for name, score in value}),
    ),
    "stream": (_read_stream, _write_stream),
}
"""How a key of each type is read and written."""
