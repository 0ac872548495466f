"""A storage whose small objects are read once, and again only when they change."""

import contextlib
import io
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO

from stock_ops.storage.authority import Authority
from stock_ops.storage.marks import MARKS
from stock_ops.storage.objects import BACKUPS
from stock_ops.storage.storage import Storage, StoredObject, read_bytes


class CachedStorage:
    """Another storage, which is listed anew each time; whose it is, is never taken from memory.

    Only for reading what is small: manifests, verifications and marks.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._listed: dict[str, StoredObject] = {}
        self._read: dict[str, tuple[StoredObject, bytes]] = {}

    @property
    def authority(self) -> Authority | None:
        """Checks its objects."""
        return self._storage.authority

    @property
    def where(self) -> str:
        """Its address."""
        return self._storage.where

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """The objects, by name; what is gone or was replaced is forgotten."""
        found = list(self._storage.list(prefix))
        kept = {name: one for name, one in self._listed.items() if not name.startswith(prefix)}
        self._listed = kept | {one.name: one for one in found}
        self._read = {name: kept for name, kept in self._read.items() if self._listed.get(name) == kept[0]}
        return iter(found)

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Read the object, from memory if it is known."""
        listed = self._listed.get(name)
        if listed is None or not name.startswith((BACKUPS, MARKS)):
            return self._storage.open(name)
        if name not in self._read:
            self._read[name] = listed, read_bytes(self._storage, name)
        return contextlib.nullcontext(io.BytesIO(self._read[name][1]))

    def head(self, name: str) -> StoredObject | None:
        """The object without its content."""
        return self._storage.head(name)

    def create(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Write the object."""
        return self._storage.create(name)

    def create_once(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Write the object unless there is one."""
        return self._storage.create_once(name)

    def delete(self, name: str) -> None:
        """Remove the object."""
        self._storage.delete(name)

    def keeps_first(self, name: str) -> bool:
        """Whether it refuses to write over an object."""
        return self._storage.keeps_first(name)

    def free_bytes(self) -> int | None:
        """Room that is left."""
        return self._storage.free_bytes()
