"""A damaged view of a storage: objects change as they are read; nothing is ever written."""

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO, cast

from stock_ops.drill.plans.damages import Cut, Flipped, Lost, Plain, Rewritten, Swapped
from stock_ops.storage.storage import MissingObjectError, Storage, StorageError, StoredObject

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class TamperedStorage:
    """Another storage, damaged in one way."""

    def __init__(self, storage: Storage, damage: Plain) -> None:
        self._storage, self._damage = storage, damage

    @property
    def authority(self) -> None:
        """Nothing is checked here: that is what is to be seen."""
        return None

    @property
    def where(self) -> str:
        """Where the undamaged one lies."""
        return self._storage.where

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """The objects as the damaged storage would list them."""
        listed = set()
        for found in self._storage.list(prefix):
            listed.add(found.name)
            if shown := self._shown(found):
                yield shown
        match self._damage:
            case Rewritten(name) if name.startswith(prefix) and name not in listed:
                yield self._added(name)

    def head(self, name: str) -> StoredObject | None:
        """The object without its content."""
        found = self._storage.head(name)
        if found is None:
            return self._added(name) if self._is_rewritten(name) else None
        return self._shown(found)

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Read the object as it is after the damage."""
        match self._damage:
            case Lost(lost) if lost == name:
                raise MissingObjectError(name)
            case Swapped(one, other) if name in (one, other):
                return self._storage.open(other if name == one else one)
            case Rewritten(rewritten, data) if rewritten == name:
                return cast("AbstractContextManager[BinaryIO]", io.BytesIO(data))
            case Cut(changed) | Flipped(changed) if changed == name:
                return self._open_changed(name)
        return self._storage.open(name)

    def create(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Refused."""
        raise _refusal(name)

    def create_once(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Refused."""
        raise _refusal(name)

    def delete(self, name: str) -> None:
        """Refused."""
        raise _refusal(name)

    def keeps_first(self, name: str) -> bool:
        """As the storage itself."""
        return self._storage.keeps_first(name)

    def free_bytes(self) -> int | None:
        """Room that is left."""
        return self._storage.free_bytes()

    def _is_rewritten(self, name: str) -> bool:
        return isinstance(self._damage, Rewritten) and self._damage.name == name

    def _added(self, name: str) -> StoredObject:
        size = len(self._damage.data) if isinstance(self._damage, Rewritten) else 0
        return StoredObject(name, size, datetime.now(UTC))

    def _shown(self, found: StoredObject) -> StoredObject | None:
        match self._damage:
            case Lost(name) if name == found.name:
                return None
            case Cut(name, size_bytes) if name == found.name:
                return replace(found, size_bytes=min(size_bytes, found.size_bytes))
            case Rewritten(name, data) if name == found.name:
                return replace(found, size_bytes=len(data))
        return found

    @contextmanager
    def _open_changed(self, name: str) -> Iterator[BinaryIO]:
        with self._storage.open(name) as source, io.BufferedReader(_Changed(source, self._damage)) as changed:
            yield changed


class _Changed(io.RawIOBase):
    """A stream that is cut short, or has one bit flipped."""

    def __init__(self, source: BinaryIO, damage: Plain) -> None:
        self._source, self._damage, self._position = source, damage, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view, begin = memoryview(buffer).cast("B"), self._position
        wanted = len(view)
        if isinstance(self._damage, Cut):
            wanted = max(0, min(wanted, self._damage.size_bytes - begin))
        data = bytearray(self._source.read(wanted) if wanted else b"")
        if isinstance(self._damage, Flipped) and begin <= self._damage.at < begin + len(data):
            data[self._damage.at - begin] ^= 1
        view[: len(data)] = data
        self._position += len(data)
        return len(data)


def _refusal(name: str) -> StorageError:
    return StorageError(
        f"{name} was not changed: a damaged copy of a storage is only read.",
        "Report this as a fault of stockops.",
    )
