"""One suite for the store of API keys: the real one and the fake."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stock_analysis.domain.errors import UnavailableError
from stock_analysis.gateway.keys import create_key
from stock_analysis.gateway.ports import ApiKey, KeyScope, KeyStore
from stock_analysis.gateway.repository import PostgresKeyStore
from stock_analysis.kit.db import Role, open_pool
from stock_analysis.kit.settings import Settings
from tests.unit.gateway.fakes import InMemoryKeyStore

BOTH = frozenset({KeyScope.READ, KeyScope.OPERATE})


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.server)])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[KeyStore]:
    if request.param == "fake":
        yield InMemoryKeyStore()
        return
    pool = await open_pool(request.getfixturevalue("database"), Role.OWNER, application_name="test")
    yield PostgresKeyStore(pool)
    await pool.close()


def new_key(name: str = "test", expires_at: datetime | None = None) -> ApiKey:
    return create_key(name, BOTH, expires_at)[1]


async def test_a_key_comes_back_as_it_was_stored(store: KeyStore) -> None:
    key = new_key("분석가 ✓", datetime.now(UTC) + timedelta(days=90))
    await store.add(key)
    assert await store.find(key.prefix) == key


async def test_an_unknown_prefix_finds_nothing(store: KeyStore) -> None:
    assert await store.find("aaaaaaaa") is None


async def test_all_keys_come_oldest_first(store: KeyStore) -> None:
    keys = [new_key(str(number)) for number in range(3)]
    for key in reversed(keys):
        await store.add(key)
    assert [key.name for key in await store.all()] == ["0", "1", "2"]


async def test_a_key_is_revoked_once_and_stays_listed(store: KeyStore) -> None:
    key = new_key()
    await store.add(key)
    assert await store.revoke(key.prefix)
    assert not await store.revoke(key.prefix)
    assert not await store.revoke("aaaaaaaa")
    found = await store.find(key.prefix)
    assert found is not None
    assert not found.is_usable(datetime.now(UTC))
    assert len(await store.all()) == 1


async def test_the_last_use_is_noted_to_the_minute(store: KeyStore) -> None:
    key = new_key()
    await store.add(key)
    await store.note_use(key.prefix)
    first = await store.find(key.prefix)
    await store.note_use(key.prefix)
    second = await store.find(key.prefix)
    assert first is not None
    assert first.last_used_at is not None
    assert second == first


async def test_keys_are_resealed_together(store: KeyStore) -> None:
    keys = [new_key(str(number)) for number in range(3)]
    for key in keys:
        await store.add(key)
    changed = [replace(key, hash=key.hash[::-1], pepper="00ff00ff") for key in keys[:2]]
    await store.reseal(changed)
    await store.reseal([])
    assert [await store.find(key.prefix) for key in keys] == [*changed, keys[2]]


async def test_a_store_that_is_not_there_says_so() -> None:
    settings = Settings.model_validate({"database_port": 1})
    async with await open_pool(settings, Role.GATEWAY, application_name="test") as pool:
        with pytest.raises(UnavailableError, match="PostgreSQL"):
            await PostgresKeyStore(pool).find("aaaaaaaa")
