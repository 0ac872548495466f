"""A tar archive, as pg_basebackup writes it, cut into its members while its bytes pass."""

import tarfile
from typing import Protocol

BLOCK_BYTES = 512
_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE)


class TarError(ValueError):
    """An archive that differs from what the server sent; the text says how."""


class Members(Protocol):
    """The receiver of the members, one after the other."""

    def begin(self, member: tarfile.TarInfo) -> None:
        """A member; the content of a regular file follows."""

    def take(self, content: bytes | memoryview) -> None:
        """More of the content of the file."""

    def end(self) -> None:
        """The file has come as a whole."""


class TarReader:
    """A sink for the archive's bytes; only regular files have content."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self._header = bytearray()
        self._left = self._padding = 0
        self._ended = False

    def write(self, data: bytes) -> int:
        """The next bytes. Raises TarError when they cannot belong to an archive."""
        if len(data) < self._left:
            self._members.take(data)  # within a large file, without a copy
            self._left -= len(data)
            return len(data)
        view = memoryview(data)
        while view:
            view = view[self._read(view) :]
        return len(data)

    def finish(self) -> None:
        """Raise TarError unless the archive has come to its end."""
        if not self._ended or self._left or self._padding:
            raise TarError("the archive ends too early")

    def _read(self, view: memoryview) -> int:
        """Deal with the beginning of what came; returns how much of it."""
        if self._left:
            return self._read_content(view)
        if self._padding:
            count = min(self._padding, len(view))
            self._padding -= count
            return count
        count = min(BLOCK_BYTES - len(self._header), len(view))
        self._header += view[:count]
        if len(self._header) == BLOCK_BYTES:
            self._begin(bytes(self._header))
            self._header.clear()
        return count

    def _read_content(self, view: memoryview) -> int:
        part = view[: self._left]
        self._members.take(part)
        self._left -= len(part)
        if not self._left:
            self._members.end()
        return len(part)

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
        self._members.begin(member)
        if is_file(member):
            self._left, self._padding = member.size, -member.size % BLOCK_BYTES
            if not member.size:
                self._members.end()


def is_file(member: tarfile.TarInfo) -> bool:
    """Whether it is a regular file."""
    return member.type in _REGULAR
