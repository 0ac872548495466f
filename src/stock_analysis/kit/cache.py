"""Ready answers: a bounded store in this process, Valkey behind it; losing either costs speed only."""

from collections import OrderedDict
from contextlib import suppress
from typing import Protocol

from prometheus_client import Counter

from stock_analysis.kit.valkey import VALKEY_ERRORS, SharedValkey

LOOKUPS = Counter("cache_lookups_total", "Look-ups of ready answers by where they were found.", ["result"])


class Cache(Protocol):
    """Bytes by key. A miss and a store that is down look the same."""

    async def get(self, key: str) -> bytes | None:
        """The bytes stored under this key, or None."""

    async def put(self, key: str, value: bytes) -> None:
        """Keep the bytes for a while."""


class InMemoryCache:
    """Bytes in this process, the least recently used thrown out past max_bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[str, bytes] = OrderedDict()

    async def get(self, key: str) -> bytes | None:
        """The bytes stored under this key, or None."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    async def put(self, key: str, value: bytes) -> None:
        """Keep the bytes until they are the oldest of more than max_bytes; a quarter of it is too large."""
        if len(value) > self._max_bytes // 4:
            return
        self._bytes += len(value) - len(self._entries.pop(key, b""))
        self._entries[key] = value
        while self._bytes > self._max_bytes:
            self._bytes -= len(self._entries.popitem(last=False)[1])


class ValkeyCache:
    """Bytes in Valkey for ttl_s seconds; a failing Valkey is a miss."""

    def __init__(self, valkey: SharedValkey, ttl_s: int) -> None:
        self._valkey = valkey
        self._ttl_s = ttl_s

    async def get(self, key: str) -> bytes | None:
        """The bytes stored under this key, or None."""
        try:
            value: bytes | None = await self._valkey.ask(lambda client: client.get(key))
        except VALKEY_ERRORS:
            return None
        return value

    async def put(self, key: str, value: bytes) -> None:
        """Keep the bytes for ttl_s seconds, if Valkey is there."""
        with suppress(*VALKEY_ERRORS):
            await self._valkey.ask(lambda client: client.set(key, value, ex=self._ttl_s))


class LayeredCache:
    """The near cache first, then the far one, which refills the near one."""

    def __init__(self, near: Cache, far: Cache) -> None:
        self._near = near
        self._far = far

    async def get(self, key: str) -> bytes | None:
        """The bytes stored under this key in either, or None."""
        value = await self._near.get(key)
        if value is not None:
            LOOKUPS.labels("local").inc()
            return value
        value = await self._far.get(key)
        LOOKUPS.labels("miss" if value is None else "valkey").inc()
        if value is not None:
            await self._near.put(key, value)
        return value

    async def put(self, key: str, value: bytes) -> None:
        """Keep the bytes in both."""
        await self._near.put(key, value)
        await self._far.put(key, value)
