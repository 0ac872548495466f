"""Read the parts' logs: their last lines, then new ones."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

_POLL_S = 0.25
_WINDOW_BYTES = 64 * 2**10
"""Read from the end of the log first; more only when it holds too few lines."""


class Follower:
    """One log: its last lines first, then new ones, across rotation and truncation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode, self._position, self._rest = 0, 0, b""

    def last(self, count: int) -> list[str]:
        """The last complete lines; `read` goes on behind them."""
        self._inode, end = _identity(self._path)
        window, lines = _WINDOW_BYTES, list[str]()
        while count and len(lines) <= count and window < 2 * end + _WINDOW_BYTES:
            self._position, self._rest = max(0, end - window), b""
            lines, window = self.read(), window * 2
        self._position = self._position if count else end
        return lines[-count:] if count else []

    def read(self) -> list[str]:
        """The lines that were completed since the last call."""
        inode, size = _identity(self._path)
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


def follow(followers: Mapping[str, Follower]) -> Iterator[tuple[str, str]]:
    """Part and line, as they are written, until interrupted."""
    while True:
        for part, follower in followers.items():
            for line in follower.read():
                yield part, line
        time.sleep(_POLL_S)


def _identity(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_ino, status.st_size
