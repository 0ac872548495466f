"""A temporary PostgreSQL in a container of the database's own image, which has the extensions of the data.

Both containers belong to one user and share a volume at one path. deploy/compose/postgresql/recover.sh waits
there at a FIFO for the folder of a cluster, the file of a log, one setting a line and an empty line, then for
names of signals. When we die the kernel closes the FIFO, and the server ends with us.
"""

import contextlib
import errno
import os
import select
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from stock_ops.kit.container import NobodyRecoversError, recovery_door
from stock_ops.kit.errors import FolderError, PartError

_START_S = 10.0
"""It may still end the server of one that was killed."""
_STOP_S = 120.0
_POLL_S = 0.05


class ServerBeside:
    """The server while it runs there."""

    def __init__(self, request: int, answer: int) -> None:
        """Of the two FIFOs: the end that is written to, and the one that ends with the server."""
        self._request, self._answer = request, select.poll()
        self._answer.register(answer, 0)

    def has_ended(self) -> bool:
        """Whether it is gone, with its container or without."""
        return self._ends_within(0)

    def stop(self) -> None:
        """In order, else at once. Raises PartError when it does not end."""
        for name in ("INT", "QUIT"):
            with contextlib.suppress(BrokenPipeError):
                os.write(self._request, f"{name}\n".encode())
            if self._ends_within(_STOP_S):
                return
        raise PartError(
            "PostgreSQL does not stop.", "Stop everything with `stockops down`, then run this again."
        )

    def _ends_within(self, timeout_s: float) -> bool:
        return bool(self._answer.poll(timeout_s * 1000))


@contextlib.contextmanager
def server_beside(door: Path, cluster: Path, options: Mapping[str, str], log: Path) -> Iterator[ServerBeside]:
    """Run a server on the cluster as long as the context lasts; its output goes to the log, which is there.

    Raises FolderError where the other container does not see the cluster, NobodyRecoversError without one.
    """
    if not cluster.is_relative_to(door.parent):
        raise FolderError(
            f"{cluster} lies outside of {door.parent}, which the database's image shares with us.",
            f"Name a folder in {door.parent}, or none.",
        )
    text = "".join(f"{line}\n" for line in _lines(cluster, options, log))
    with contextlib.ExitStack() as ended:
        request = _opened(door / "request")
        ended.callback(os.close, request)
        answer = os.open(door / "answer", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        ended.callback(os.close, answer)
        os.write(request, text.encode())
        if not select.select([answer], [], [], _START_S)[0] or not os.read(answer, 1):
            raise NobodyRecoversError(door)
        server = ServerBeside(request, answer)
        try:
            yield server
        finally:
            server.stop()


def await_container() -> None:
    """Wait for the other container, where data are recovered there. Raises NobodyRecoversError."""
    if door := recovery_door():
        os.close(_opened(door / "request"))


def _lines(cluster: Path, options: Mapping[str, str], log: Path) -> Iterator[str]:
    lines = [str(cluster), str(log), *(f"{name}={value}" for name, value in options.items()), ""]
    for line in lines:
        if "\n" in line:
            raise FolderError(f"{line!r} has more than one line.", "Choose a folder of another name.")
        yield line


def _opened(path: Path) -> int:
    """The FIFO, once somebody waits at its other end."""
    deadline = time.monotonic() + _START_S
    while True:
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno not in {errno.ENXIO, errno.ENOENT}:
                raise
            if time.monotonic() > deadline:
                raise NobodyRecoversError(path.parent) from None
        time.sleep(_POLL_S)
