"""Unpack the tar archive of a base backup while it comes, as files of PostgreSQL's user."""

import os
import tarfile
from pathlib import Path, PurePosixPath

from stock_ops.kit.accounts import Account
from stock_ops.storage.tarreader import TarError, TarReader, is_file


class Unpacker:
    """A sink for the archive's bytes; its files and folders are made below `folder`.

    Only files and folders whose path stays below it are made, and nothing that is there is written over.
    """

    def __init__(self, folder: Path, owner: Account | None) -> None:
        self._folder, self._owner = folder, owner
        self._reader = TarReader(self)
        self._file = -1

    def write(self, data: bytes) -> int:
        """The next bytes. Raises TarError for what cannot be unpacked, OSError when it does not fit."""
        return self._reader.write(data)

    def finish(self) -> None:
        """Raise TarError unless the archive came to its end."""
        self._reader.finish()

    def close(self) -> None:
        """Close the file that is being written, if one is."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def begin(self, member: tarfile.TarInfo) -> None:
        """Make the file or folder."""
        path = self._folder / _inner(member.name)
        if member.isdir():
            self._make_folder(path)
        elif is_file(member):
            self._make_file(path)
        else:
            raise TarError(f"{member.name} is neither a file nor a folder")

    def take(self, content: bytes | memoryview) -> None:
        """Write all of it."""
        left = memoryview(content)
        while left:
            left = left[os.write(self._file, left) :]

    def end(self) -> None:
        """Close the file."""
        self.close()

    def _make_folder(self, path: Path) -> None:
        if path == self._folder:
            return
        path.mkdir(mode=0o700)
        if self._owner:
            os.chown(path, self._owner.uid, self._owner.gid)

    def _make_file(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o600)
        if self._owner:
            os.fchown(self._file, self._owner.uid, self._owner.gid)


def _inner(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise TarError(f"{name!r} lies outside of the backup")
    return path
