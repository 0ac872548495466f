"""API keys whose hashes are sealed with a pepper, and the change of that pepper."""

from pathlib import Path

import pytest

from stock_analysis.gateway.keys import KeyRing, create_key
from stock_analysis.gateway.peppers import Peppers, sha256
from stock_analysis.gateway.ports import ApiKey, KeyScope
from stock_analysis.kit.secret_files import Secret
from tests.unit.gateway.fakes import InMemoryKeyStore


class Bench:
    """A key that is sealed, its store, and the file of the peppers."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "pepper"
        self.file.write_text("old\n")
        self.peppers = Peppers(Secret(self.file))
        self.store = InMemoryKeyStore()
        self.token, plain = create_key("test", frozenset({KeyScope.READ}), None)
        self.plain = plain
        self.key = self.peppers.seal(plain)

    async def is_known(self) -> bool:
        """To a gateway that remembers nothing."""
        return await KeyRing(self.store, lambda: 0.0, self.peppers).verify(self.token) is not None

    async def reseal(self) -> None:
        await self.store.reseal([self.peppers.seal(key) for key in await self.store.all()])


@pytest.fixture
async def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    await bench.store.add(bench.key)
    return bench


async def test_what_is_stored_says_nothing_without_the_pepper(bench: Bench) -> None:
    assert bench.key.hash != sha256(bench.token)
    assert "old" not in str(bench.key)
    assert await bench.is_known()
    assert await KeyRing(bench.store, lambda: 0.0, Peppers()).verify(bench.token) is None


async def test_a_key_is_known_at_every_step_of_a_change(bench: Bench) -> None:
    bench.file.write_text("new\nold\n")
    assert await bench.is_known()
    await bench.reseal()
    assert await bench.is_known()
    bench.file.write_text("new\n")
    assert await bench.is_known()
    bench.file.write_text("old\n")
    assert not await bench.is_known()


async def test_a_second_reseal_changes_nothing(bench: Bench) -> None:
    bench.file.write_text("new\nold\n")
    await bench.reseal()
    before = await bench.store.all()
    await bench.reseal()
    assert await bench.store.all() == before


async def test_a_key_of_an_older_release_is_known_and_sealed_by_the_next_change(bench: Bench) -> None:
    await bench.store.reseal([bench.plain])
    assert await bench.is_known()
    await bench.reseal()
    found = await bench.store.find(bench.key.prefix)
    assert found is not None
    assert (found.hash, found.pepper) == (bench.key.hash, bench.key.pepper)
    assert await bench.is_known()


async def test_another_token_is_refused_whatever_the_pepper(bench: Bench) -> None:
    other, _ = create_key("test", frozenset({KeyScope.READ}), None)
    forged = bench.token[:12] + other[12:]
    assert await KeyRing(bench.store, lambda: 0.0, bench.peppers).verify(forged) is None


async def test_a_row_that_changed_over_while_it_was_read_is_read_again(bench: Bench) -> None:
    """The row was read sealed with the old pepper, which was gone when the file was read."""

    class Late(InMemoryKeyStore):
        async def find(self, prefix: str) -> ApiKey | None:
            found = await bench.store.find(prefix)
            if not self.reads:
                bench.file.write_text("new\nold\n")
                await bench.reseal()
                bench.file.write_text("new\n")
            self.reads += 1
            return found

        async def note_use(self, prefix: str) -> None:
            pass

    assert await KeyRing(Late(), lambda: 0.0, bench.peppers).verify(bench.token) is not None


def test_two_keys_never_share_a_pad(bench: Bench) -> None:
    other = create_key("test", frozenset({KeyScope.READ}), None)[1]
    pads = [
        bytes(one ^ two for one, two in zip(key.hash, bench.peppers.seal(key).hash, strict=True))
        for key in (bench.plain, other)
    ]
    assert pads[0] != pads[1]
