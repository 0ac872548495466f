"""A storage whose objects are checked before they are read, and carry tags when they are written."""

import contextlib
import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import BinaryIO

from stock_ops.storage.authority import Authority
from stock_ops.storage.objects import REPOSITORY
from stock_ops.storage.storage import Storage, StoredObject, read_bytes
from stock_ops.storage.tags import is_tagged_json


class AuthenticStorage:
    """Another storage. The log and the parts of a backup are checked where they are opened: envelope.py."""

    def __init__(self, inner: Storage, authority: Authority) -> None:
        self.inner, self._authority = inner, authority

    @property
    def authority(self) -> Authority:
        """Checks its objects."""
        return self._authority

    @property
    def where(self) -> str:
        """Its address."""
        return self.inner.where

    def over(self, other: Storage) -> "AuthenticStorage":
        """Another storage, checked as this one."""
        return AuthenticStorage(other, self._authority.over(other))

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """The objects, by name."""
        return self.inner.list(prefix)

    def head(self, name: str) -> StoredObject | None:
        """The object without its content."""
        return self.inner.head(name)

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Read the object. Raises ForgedObjectError."""
        if name == REPOSITORY:
            return contextlib.nullcontext(io.BytesIO(self._authority.read_repository()))
        if not is_tagged_json(name):
            return self.inner.open(name)
        return contextlib.nullcontext(
            io.BytesIO(self._authority.open_json(name, read_bytes(self.inner, name)))
        )

    def create(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Write the object."""
        return (
            self._tagged(name, self.inner.create(name)) if is_tagged_json(name) else self.inner.create(name)
        )

    def create_once(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Write the object unless there is one."""
        once = self.inner.create_once(name)
        return self._tagged(name, once) if is_tagged_json(name) else once

    def delete(self, name: str) -> None:
        """Remove the object."""
        self.inner.delete(name)

    def keeps_first(self, name: str) -> bool:
        """Whether it refuses to write over an object."""
        return self.inner.keeps_first(name)

    def free_bytes(self) -> int | None:
        """Room that is left."""
        return self.inner.free_bytes()

    @contextmanager
    def _tagged(self, name: str, target: AbstractContextManager[BinaryIO]) -> Iterator[BinaryIO]:
        gathered = io.BytesIO()
        yield gathered
        data = self._authority.tag_json(name, gathered.getvalue())
        with target as sink:
            sink.write(data)


def innermost(storage: Storage) -> Storage:
    """The storage itself."""
    return storage.inner if isinstance(storage, AuthenticStorage) else storage
