"""Where backups lie, seen as named objects. The adapters are folder.py and s3.py."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO, Protocol

from stock_ops.kit.errors import OpsError

if TYPE_CHECKING:
    from stock_ops.storage.authority import Authority

_LARGEST_TEXT = 64 * 2**20
"""Of an object that is read whole: manifests and the like."""


class StorageError(OpsError):
    """The storage cannot be used: it is away, full, read-only, or refuses our credentials."""


class LockedObjectError(StorageError):
    """The storage keeps an object whose retention has not ended; it is neither deleted nor replaced."""


class MissingObjectError(Exception):
    """There is no whole object of that name."""


class ExistingObjectError(Exception):
    """There is an object of that name already, and it stays as it is."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A whole object. `modified` is by the clock of the storage (UTC)."""

    name: str
    size_bytes: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Traits:
    """What is known of a storage's ways; None: not seen yet."""

    keeps_first: bool | None = None
    """It refuses by itself to write over an object that is to be written once."""
    keeps_versions: bool | None = None
    """What is deleted or replaced stays as an old version, and takes room."""


class Storage(Protocol):
    """A flat store of objects, each of which is seen whole or not at all.

    Every method raises StorageError, with what to do, when the storage itself fails.
    """

    @property
    def authority(self) -> "Authority | None":
        """Checks its objects; None where nothing does, as below AuthenticStorage."""

    @property
    def where(self) -> str:
        """Its address for people; no secrets in it."""

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """The objects whose names begin with `prefix`, by name."""

    def head(self, name: str) -> StoredObject | None:
        """An object without its content; None when there is none."""

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Read an object as a stream. Raises MissingObjectError."""

    def create(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Write an object as a stream; it replaces an older one.

        It is there, safe from a power cut, when the context ends well; an exception leaves what was there.
        """

    def create_once(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Write a small object, as `create` does, but never over an older one.

        Raises ExistingObjectError at the end of the context. Of two writers one fails, also when both come at
        once; on a service that knows no conditional writes both may succeed then, and the later one's stays.
        """

    def delete(self, name: str) -> None:
        """Remove an object; one that is gone already is no error. Raises LockedObjectError."""

    def keeps_first(self, name: str) -> bool:
        """Whether the storage itself refuses to write over an object that is there; it is not changed.

        False: of two writers that come at once, the later one wins.
        """

    def free_bytes(self) -> int | None:
        """Room that is left; None where it cannot be told."""


def delete_if_allowed(storage: Storage, name: str) -> bool:
    """Remove an object that is of no use any more; False: its retention keeps it for now."""
    try:
        storage.delete(name)
    except LockedObjectError:
        return False
    return True


def read_bytes(storage: Storage, name: str) -> bytes:
    """A small object. Raises MissingObjectError, and StorageError for one of a senseless size."""
    with storage.open(name) as source:
        data = source.read(_LARGEST_TEXT + 1)
    if len(data) > _LARGEST_TEXT:
        raise StorageError(f"{name} in {storage.where} is far too large.", "Find out which program wrote it.")
    return data


def write_bytes(storage: Storage, name: str, data: bytes) -> None:
    """Write a small object."""
    with storage.create(name) as sink:
        sink.write(data)


def write_once(storage: Storage, name: str, data: bytes) -> None:
    """Write a small object that is never replaced. Raises ExistingObjectError."""
    with storage.create_once(name) as sink:
        sink.write(data)
