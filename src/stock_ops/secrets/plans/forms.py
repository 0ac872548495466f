"""The forms in which a secret is looked for: as it is, in Base64, in an address, in hexadecimal. Pure."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
SHORTEST = 8
"""A shorter text is found by chance."""


@dataclass(frozen=True, slots=True)
class Needle:
    """One form of one secret."""

    name: str
    form: str
    pattern: bytes = field(repr=False)


def needles(secrets: Mapping[str, Iterable[str]]) -> tuple[Needle, ...]:
    """Every form of every value, by name."""
    found = {
        Needle(name, form, pattern)
        for name, values in secrets.items()
        for value in values
        if len(value) >= SHORTEST
        for form, pattern in _forms(value.encode())
    }
    return tuple(sorted(found, key=lambda one: (one.name, one.form, one.pattern)))


def _forms(value: bytes) -> Iterator[tuple[str, bytes]]:
    yield "as it is", value
    quoted = b"".join(_quoted(byte) for byte in value)
    if quoted != value:
        yield "URL-encoded", quoted
    yield "hexadecimal", value.hex().encode()
    for shift in range(3):
        core = _base64_core(value, shift)
        yield "Base64", core
        yield "Base64", core.translate(bytes.maketrans(b"+/", b"-_"))


def _quoted(byte: int) -> bytes:
    return bytes([byte]) if byte in _UNRESERVED else b"%%%02X" % byte


def _base64_core(value: bytes, shift: int) -> bytes:
    """What stands in the Base64 of any text that has the value `shift` bytes behind a multiple of three."""
    shifted = bytes(shift) + value
    encoded = base64.b64encode(shifted).rstrip(b"=")
    return encoded[(0, 2, 3)[shift] : len(encoded) - bool(len(shifted) % 3)]
