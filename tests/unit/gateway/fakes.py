"""Keys in memory; the contract suite holds it to what the real store does."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from stock_analysis.gateway.ports import ApiKey


class InMemoryKeyStore:
    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}
        self.reads = 0

    async def add(self, key: ApiKey) -> None:
        self._keys[key.prefix] = key

    async def find(self, prefix: str) -> ApiKey | None:
        self.reads += 1
        return self._keys.get(prefix)

    async def all(self) -> Sequence[ApiKey]:
        return sorted(self._keys.values(), key=lambda key: (key.created_at, key.prefix))

    async def revoke(self, prefix: str) -> bool:
        key = self._keys.get(prefix)
        if key is None or key.revoked_at is not None:
            return False
        self._keys[prefix] = replace(key, revoked_at=datetime.now(UTC))
        return True

    async def reseal(self, keys: Sequence[ApiKey]) -> None:
        for key in keys:
            self._keys[key.prefix] = replace(self._keys[key.prefix], hash=key.hash, pepper=key.pepper)

    async def note_use(self, prefix: str) -> None:
        key, now = self._keys[prefix], datetime.now(UTC)
        if key.last_used_at is None or key.last_used_at < now - timedelta(minutes=1):
            self._keys[prefix] = replace(key, last_used_at=now)
