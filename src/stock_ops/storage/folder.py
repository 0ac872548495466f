"""Backups in a folder: another disk, or a mounted share."""

import contextlib
import errno
import fcntl
import io
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from uuid import uuid4

from stock_ops.storage.storage import ExistingObjectError, MissingObjectError, StorageError, StoredObject

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

UNFINISHED = ".unfinished"
"""Folder of the objects that are being written; their writers hold them locked."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_BUFFER_BYTES = 2**20


class FolderStorage:
    """One file an object; written apart, flushed to the disk, then put in its place in one step."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def authority(self) -> None:
        """Nothing is checked here: see AuthenticStorage."""
        return None

    @property
    def where(self) -> str:
        """The folder."""
        return str(self._root)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """The objects, by name. A folder that is not there yet holds none."""
        top = self._root / prefix.rpartition("/")[0]
        with self._in_words():
            found = sorted(self._walk(top)) if self._root.exists() else []
        for name in found:
            if name.startswith(prefix) and (one := self.head(name)):
                yield one

    def head(self, name: str) -> StoredObject | None:
        """The object without its content."""
        with self._in_words():
            try:
                found = self._path(name).stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return StoredObject(name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Read the object."""
        with self._in_words():
            try:
                handle = os.open(self._path(name), os.O_RDONLY | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError):
                raise MissingObjectError(name) from None
        with io.BufferedReader(_File(self, handle), _BUFFER_BYTES) as source:
            yield source

    def create(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Write the object."""
        return self._write(name, lambda unfinished, path: unfinished.rename(path))

    def create_once(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Write the object unless there is one."""
        return self._write(name, _link)

    @contextmanager
    def _write(self, name: str, put: Callable[[Path, Path], object]) -> Iterator[BinaryIO]:
        path = self._path(name)
        with self._in_words():
            self._make_root()
            unfinished, handle = self._begin()
        try:
            with io.BufferedWriter(_File(self, handle), _BUFFER_BYTES) as sink:
                yield sink
                sink.flush()
                with self._in_words():
                    os.fsync(handle)
                    self._make_folder(path.parent)
                    put(unfinished, path)
                    _flush(path.parent)
        finally:
            unfinished.unlink(missing_ok=True)

    def delete(self, name: str) -> None:
        """Remove the object, and its folder with the last one."""
        path = self._path(name)
        with self._in_words():
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                path.parent.rmdir()

    def keeps_first(self, name: str) -> bool:
        """Whether its file system has links: the second one to a name fails."""
        probe = self._root / UNFINISHED / uuid4().hex
        try:
            os.link(self._path(name), probe)
        except OSError:
            return False
        probe.unlink(missing_ok=True)
        return True

    def free_bytes(self) -> int | None:
        """Free space of the disk."""
        with self._in_words():
            return shutil.disk_usage(self._root if self._root.exists() else self._root.parent).free

    def sweep(self) -> int:
        """Remove the leftovers of killed writers; returns how many objects."""
        count = 0
        with self._in_words():
            folder = self._root / UNFINISHED
            for path in folder.iterdir() if folder.exists() else ():
                count += _remove_if_left(path)
        return count

    def refuse(self, error: OSError) -> StorageError:
        """The error in words."""
        reason, todo = _WORDS.get(error.errno or 0, (None, None))
        if not self._root.exists():
            reason, todo = (
                "is not there",
                "Mount the disk that holds it, or correct `storage` in backup.toml.",
            )
        return StorageError(
            f"The storage {self._root} {reason or f'fails: {error.strerror or error}'}.",
            todo or "Check the disk and the system's log; nothing half-written counts as a backup.",
        )

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of an object")
        return self._root / name

    def _walk(self, top: Path) -> Iterator[str]:
        for folder, folders, files in os.walk(top, onerror=_raise):
            with contextlib.suppress(ValueError):
                folders.remove(UNFINISHED)
            for name in files:
                relative = (Path(folder) / name).relative_to(self._root).as_posix()
                if _NAME.fullmatch(relative):
                    yield relative

    def _make_root(self) -> None:
        """Never its parents: a disk that is not mounted must not be written beside."""
        with contextlib.suppress(FileExistsError):
            self._root.mkdir(mode=0o700)
            _flush(self._root.parent)

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _flush(folder.parent)

    def _begin(self) -> tuple[Path, int]:
        folder = self._root / UNFINISHED
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / uuid4().hex
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        return path, handle

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self.refuse(error) from error


class _File(io.RawIOBase):
    """An open file whose errors come in words."""

    def __init__(self, storage: FolderStorage, handle: int) -> None:
        self._storage, self._handle = storage, handle

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        try:
            return os.readv(self._handle, [buffer])
        except OSError as error:
            raise self._storage.refuse(error) from error

    def write(self, data: "ReadableBuffer") -> int:
        try:
            return os.write(self._handle, data)
        except OSError as error:
            raise self._storage.refuse(error) from error

    def close(self) -> None:
        if not self.closed:
            try:
                super().close()
            finally:
                os.close(self._handle)


_WORDS = {
    errno.ENOSPC: ("is full", "Free some space there, or shorten keep_days in backup.toml and prune."),
    errno.EDQUOT: ("is full (its quota)", "Raise the quota, or shorten keep_days in backup.toml and prune."),
    errno.EROFS: ("is mounted read-only", "Mount it for writing."),
    errno.EACCES: ("may not be read or written", "Give its folder to the user who runs stockops."),
    errno.EPERM: ("may not be changed", "Give its folder to the user who runs stockops."),
    errno.ENOTDIR: ("is no folder", "Name a folder as `storage` in backup.toml."),
    errno.EFBIG: ("takes no file of this size", "Raise the limit (ulimit -f), or use another file system."),
}


def _remove_if_left(path: Path) -> bool:
    """A lock that can be had is the one of a dead writer."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


def _link(unfinished: Path, path: Path) -> None:
    """The link fails where the name is taken. Some shared file systems have none: there a look must do."""
    try:
        os.link(unfinished, path)
    except FileExistsError:
        raise ExistingObjectError(path.name) from None
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        if path.exists():
            raise ExistingObjectError(path.name) from None
        unfinished.rename(path)


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
