"""The envelope of a backup's objects: what went in comes out, and any change is found."""

import io
import random

import pyrage
import pytest
import zstandard

from stock_ops.storage.envelope import DamagedObjectError, seal, unseal
from stock_ops.storage.keys import WrongKeyError

IDENTITY = pyrage.x25519.Identity.generate()
KEY, RECIPIENT = str(IDENTITY), str(IDENTITY.to_public())
PLAIN = random.Random(1).randbytes(300_000) + bytes(700_000)


def sealed(plain: bytes) -> bytes:
    sink = io.BytesIO()
    told = seal(io.BytesIO(plain), sink, RECIPIENT)
    assert (told.plain_bytes, told.stored_bytes) == (len(plain), len(sink.getvalue()))
    return sink.getvalue()


def opened(stored: bytes, key: str = KEY) -> bytes:
    sink = io.BytesIO()
    unseal(io.BytesIO(stored), sink, key)
    return sink.getvalue()


@pytest.mark.parametrize(
    "plain", [b"", b"x", bytes(20_000_000), PLAIN], ids=["none", "one", "zeros", "mixed"]
)
def test_what_went_in_comes_out(plain: bytes) -> None:
    assert opened(sealed(plain)) == plain


def test_both_sides_measure_the_same() -> None:
    sink = io.BytesIO()
    there = seal(io.BytesIO(PLAIN), sink, RECIPIENT)
    assert unseal(io.BytesIO(sink.getvalue()), io.BytesIO(), KEY) == there


def test_the_formats_are_age_and_zstd() -> None:
    packed = pyrage.decrypt(sealed(PLAIN), [IDENTITY])
    assert zstandard.ZstdDecompressor().decompressobj().decompress(packed) == PLAIN


def test_a_flipped_bit_is_found_wherever_it_lies() -> None:
    stored, chance = sealed(PLAIN), random.Random(2)
    places = [*range(0, 200, 7), *(chance.randrange(len(stored)) for _ in range(60)), len(stored) - 1]
    for place in places:
        broken = bytearray(stored)
        broken[place] ^= 1 << chance.randrange(8)
        with pytest.raises((DamagedObjectError, WrongKeyError)):
            opened(bytes(broken))


def test_what_is_cut_off_or_added_is_found() -> None:
    stored = sealed(PLAIN)
    for broken in (b"", stored[:10], stored[:1000], stored[:-1], stored[:-70_000], stored + b"x", stored * 2):
        with pytest.raises(DamagedObjectError):
            opened(broken)


def test_an_unfinished_stream_in_a_sound_envelope_is_found() -> None:
    packed = zstandard.ZstdCompressor().compress(PLAIN)
    for inside in (packed[:-1], packed + b"x", b"no zstd at all"):
        with pytest.raises(DamagedObjectError):
            opened(pyrage.encrypt(inside, [IDENTITY.to_public()]))


def test_another_key_opens_nothing() -> None:
    with pytest.raises(WrongKeyError):
        opened(sealed(PLAIN), str(pyrage.x25519.Identity.generate()))


class _Failing(io.BytesIO):
    def read(self, _: int | None = -1) -> bytes:
        raise ConnectionResetError(104, "gone")

    def write(self, _: object) -> int:
        raise OSError(28, "No space left on device")


def test_errors_of_both_ends_come_out_as_they_are() -> None:
    with pytest.raises(ConnectionResetError):
        seal(_Failing(), io.BytesIO(), RECIPIENT)
    with pytest.raises(OSError, match="No space left"):
        seal(io.BytesIO(PLAIN), _Failing(), RECIPIENT)
    with pytest.raises(ConnectionResetError):
        unseal(_Failing(), io.BytesIO(), KEY)
    with pytest.raises(OSError, match="No space left"):
        unseal(io.BytesIO(sealed(PLAIN)), _Failing(), KEY)
