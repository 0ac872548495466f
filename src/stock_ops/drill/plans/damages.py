"""The kinds of damage to objects that are read from a storage."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cut:
    """The object ends after so many bytes, as after an upload that broke off."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Flipped:
    """One bit of the object has changed; `at` is its byte."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The object is gone."""

    name: str


@dataclass(frozen=True, slots=True)
class Swapped:
    """Two objects have changed places. The listing keeps their sizes, so that only their content can tell."""

    one: str
    other: str


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The object holds another text; where there was none, it is added."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Planted:
    """The object holds something else, compressed and sealed by the public key."""

    name: str
    plain: bytes


@dataclass(frozen=True, slots=True)
class Replayed:
    """The object holds another text, with a tag that fits: it was there once."""

    name: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Owned:
    """The manifest of a backup holds another text, with all that only this instance can make for it."""

    backup: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Several:
    """All of them."""

    damages: tuple["Damage", ...]


Damage = Cut | Flipped | Lost | Swapped | Rewritten | Planted | Replayed | Owned | Several
Plain = Cut | Flipped | Lost | Swapped | Rewritten
"""Those that need no key."""
