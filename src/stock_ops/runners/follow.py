"""Read the parts' logs: their last lines, and what comes after."""

import time
from collections.abc import Iterator
from pathlib import Path

_POLL_S = 0.25


class Follower:
    """What is added to one log, across rotation and truncation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode, self._position, self._rest = _identity(path)

    def read(self) -> list[str]:
        """The lines that were completed since the last call."""
        inode, size, _ = _identity(self._path)
        if inode != self._inode or size < self._position:
            self._inode, self._position, self._rest = inode, 0, b""
        try:
            with self._path.open("rb") as file:
                file.seek(self._position)
                data = self._rest + file.read()
                self._position = file.tell()
        except OSError:
            return []
        *lines, self._rest = data.split(b"\n")
        return [line.decode("utf-8", "replace") for line in lines]


def follow(logs: dict[str, Path]) -> Iterator[tuple[str, str]]:
    """Part and line, as they are written, until interrupted."""
    followers = {part: Follower(path) for part, path in logs.items()}
    while True:
        for part, follower in followers.items():
            for line in follower.read():
                yield part, line
        time.sleep(_POLL_S)


def _identity(path: Path) -> tuple[int, int, bytes]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0, b""
    return status.st_ino, status.st_size, b""
