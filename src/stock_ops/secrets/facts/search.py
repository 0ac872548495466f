"""Look for secrets in texts and streams; what is found is told by its place, never by its value."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

_CHUNK_BYTES = 4 * 2**20
_END = b"\n"


class Pattern(Protocol):
    """One form of one secret."""

    @property
    def name(self) -> str:
        """The secret."""

    @property
    def form(self) -> str:
        """How it is written."""

    @property
    def pattern(self) -> bytes:
        """What to look for."""


@dataclass(frozen=True, slots=True)
class Place:
    """Something that must hold no secret."""

    kind: str
    name: str
    read: Callable[[], Iterator[bytes]]
    """Its content in pieces. OSError: it cannot be read."""
    has_lines: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A secret where it must not be."""

    secret: str
    form: str
    kind: str
    place: str


def search(place: Place, patterns: Sequence[Pattern]) -> set[Finding]:
    """Every secret in a place. Raises OSError when it cannot be read."""
    found: dict[tuple[str, str], str] = {}
    overlap, tail, lines = max(len(one.pattern) for one in patterns) - 1, b"", 1
    for chunk in _in_chunks(place.read()):
        text = tail + chunk
        for one in patterns:
            at = text.find(one.pattern)
            if at >= 0 and (one.name, one.form) not in found:
                line = f", line {lines + text.count(_END, 0, at)}" if place.has_lines else ""
                found[one.name, one.form] = f"{place.name}{line}"
        tail = text[-overlap:] if overlap else b""
        lines += text.count(_END, 0, len(text) - len(tail))
    return {Finding(name, form, place.kind, where) for (name, form), where in found.items()}


def _in_chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Small pieces together, so that each pattern is looked for a few times only."""
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        if len(waiting) >= _CHUNK_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)
