import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stock_analysis.gateway.keys import REVOKED_WITHIN_S, KeyRing, create_key
from stock_analysis.gateway.ports import ApiKey, KeyScope
from tests.unit.gateway.fakes import InMemoryKeyStore

READ = frozenset({KeyScope.READ})


class Bench:
    """A ring over one key, with its clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.store = InMemoryKeyStore()
        self.ring = KeyRing(self.store, lambda: self.now)

    async def add(self, expires_at: datetime | None = None) -> tuple[str, ApiKey]:
        token, key = create_key("test", READ, expires_at)
        await self.store.add(key)
        return token, key

    async def use(self, token: str) -> ApiKey | None:
        return self.ring.recall(token) or await self.ring.verify(token)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_token_names_its_prefix_and_has_160_random_bits() -> None:
    tokens = {create_key("test", READ, None)[0] for _ in range(200)}
    assert len(tokens) == 200
    assert all(re.fullmatch(r"sa_[a-z2-7]{8}_[a-z2-7]{32}", token) for token in tokens)
    assert 32 * 5 == 160


def test_nothing_that_is_kept_holds_the_secret() -> None:
    token, key = create_key("test", READ, None)
    secret = token.rsplit("_", 1)[1]
    assert secret not in repr(key)
    assert key.prefix in token


async def test_the_right_token_is_verified_and_remembered(bench: Bench) -> None:
    token, key = await bench.add()
    for _ in range(5):
        found = await bench.use(token)
        assert found is not None
        assert found.prefix == key.prefix
    assert bench.store.reads == 1


async def test_a_token_with_one_wrong_character_is_refused(bench: Bench) -> None:
    token, _ = await bench.add()
    for position in (-1, -32):
        wrong = list(token)
        wrong[position] = "a" if wrong[position] != "a" else "b"
        assert await bench.use("".join(wrong)) is None
    assert await bench.use(token) is not None


@pytest.mark.parametrize(
    "text", ["", "sa_", "sa_aaaaaaaa_", "Bearer x", "sa_aaaaaaaa_" + "a" * 33, "\x00" * 44]
)
async def test_what_has_not_the_form_of_a_key_does_not_reach_the_store(bench: Bench, text: str) -> None:
    assert await bench.use(text) is None
    assert bench.store.reads == 0


async def test_a_revoked_key_is_refused_within_five_seconds(bench: Bench) -> None:
    token, key = await bench.add()
    assert await bench.use(token) is not None
    await bench.store.revoke(key.prefix)
    bench.now = REVOKED_WITHIN_S
    assert await bench.use(token) is None


async def test_an_expired_key_is_refused_at_once_even_if_remembered(bench: Bench) -> None:
    token, key = await bench.add(datetime.now(UTC) + timedelta(hours=1))
    assert await bench.use(token) is not None
    expired = replace(key, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    bench.ring._verified[key.hash] = (expired, 100.0)
    await bench.store.add(expired)
    assert await bench.use(token) is None


async def test_the_use_of_a_key_is_noted(bench: Bench) -> None:
    token, key = await bench.add()
    await bench.use(token)
    found = await bench.store.find(key.prefix)
    assert found is not None
    assert found.last_used_at is not None
