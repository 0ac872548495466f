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
    """The object holds another text."""

    name: str
    data: bytes


Damage = Cut | Flipped | Lost | Swapped | Rewritten
