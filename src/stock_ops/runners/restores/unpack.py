"""Unpack the tar archive of a base backup while it comes, as files of the user who runs PostgreSQL."""

import os
import tarfile
from pathlib import Path, PurePosixPath

from stock_ops.facts.host import Account

_BLOCK_BYTES = 512
_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE)


class TarError(ValueError):
    """An archive that pg_basebackup does not write; the text says why."""


class Unpacker:
    """A sink for the archive's bytes; its files and folders are made below `folder`.

    Only files and folders whose path stays below it are made, and nothing that is there is written over.
    """

    def __init__(self, folder: Path, owner: Account | None) -> None:
        self._folder, self._owner = folder, owner
        self._header = bytearray()
        self._file: int | None = None
        self._left = self._padding = 0
        self._ended = False

    def write(self, data: bytes) -> int:
        """The next bytes. Raises TarError for what cannot be unpacked, OSError when it does not fit."""
        view = memoryview(data)
        while view:
            view = view[self._take(view) :]
        return len(data)

    def finish(self) -> None:
        """Raise TarError unless the archive came to its end."""
        if not self._ended or self._file is not None or self._padding:
            raise TarError("the archive ends too early")

    def close(self) -> None:
        """Close the file that is being written, if one is."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _take(self, view: memoryview) -> int:
        """Deal with the beginning of what came; returns how much of it."""
        if self._file is not None:
            return self._take_body(self._file, view)
        if self._padding:
            count = min(self._padding, len(view))
            self._padding -= count
            return count
        count = min(_BLOCK_BYTES - len(self._header), len(view))
        self._header += view[:count]
        if len(self._header) == _BLOCK_BYTES:
            self._begin(bytes(self._header))
            self._header.clear()
        return count

    def _take_body(self, file: int, view: memoryview) -> int:
        count = os.write(file, view[: self._left])
        self._left -= count
        if not self._left:
            self.close()
        return count

    def _begin(self, header: bytes) -> None:
        if not any(header):
            self._ended = True
            return
        if self._ended:
            raise TarError("something follows the end of the archive")
        try:
            member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise TarError(f"it is no tar archive ({error})") from error
        path = self._folder / _inner(member.name)
        if member.isdir():
            self._make_folder(path)
        elif member.type in _REGULAR:
            self._make_file(path, member.size)
        else:
            raise TarError(f"{member.name} is neither a file nor a folder")

    def _make_folder(self, path: Path) -> None:
        if path == self._folder:
            return
        path.mkdir(mode=0o700)
        if self._owner:
            os.chown(path, self._owner.uid, self._owner.gid)

    def _make_file(self, path: Path, size: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o600)
        if self._owner:
            os.fchown(self._file, self._owner.uid, self._owner.gid)
        self._left, self._padding = size, -size % _BLOCK_BYTES
        if not size:
            self.close()


def _inner(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise TarError(f"{name!r} lies outside of the backup")
    return path
