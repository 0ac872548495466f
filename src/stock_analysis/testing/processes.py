"""Servers of a test run: they end when the run ends, however it ends."""

import os
import random
import socket
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

ROOM = "TESTS_ROOM"
"""Names, in the environment, the folder in which servers keep their files; unset: the system's own."""

# The shell holds the pipe from the test run; when that run is gone, even by SIGKILL, `read` returns.
# A program that is stopped, or that is not yet ready to hear SIGINT, is killed.
_LEASH = """
exec 3<&0
patience=$1
shift
"$@" </dev/null & child=$!
echo $child
read -r _ <&3
kill -INT $child 2>/dev/null
(sleep $patience; kill -KILL $child) >/dev/null 2>&1 & killer=$!
wait $child
kill $killer
"""


class Server:
    """A program on a leash; its process id is `pid`.

    patience_s: how long it may take to end in order when it is told to.
    """

    def __init__(
        self, command: Sequence[str | Path], log: Path, user: str | None = None, *, patience_s: float = 20
    ) -> None:
        # The output of the server goes to its log, so that only the shell writes to the pipe.
        redirect = ["sh", "-c", 'exec "$@" >>"$0" 2>&1', str(log)]
        self._shell = subprocess.Popen(
            ["sh", "-c", _LEASH, "leash", str(patience_s), *redirect, *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=log.parent,
            user=user,
            group=user_group(user),
            extra_groups=[] if user else None,
            start_new_session=True,
        )
        self._log = log
        assert self._shell.stdout is not None  # noqa: S101 - asked for above
        self.pid = int(self._shell.stdout.readline())

    def wait_until(self, ready: Callable[[], bool], timeout_s: float = 120) -> None:
        """Return when it is ready; if it never is, end it and raise RuntimeError with the end of its log."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            if self._is_dead() or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"a server did not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it in order, or by force if it does not hear; nothing happens if it is gone already."""
        self._shell.communicate(timeout=60)

    def _is_dead(self) -> bool:
        """The shell keeps its place until it is told to stop, unless it has looked for ended children."""
        try:
            status = psutil.Process(self.pid).status()
        except psutil.NoSuchProcess:
            return True
        return self._shell.poll() is not None or status == psutil.STATUS_ZOMBIE


def server_folder(name: str) -> Path:
    """A new folder for a server's files."""
    return Path(tempfile.mkdtemp(prefix=f"stock-test-{name}-", dir=os.environ.get(ROOM)))


def user_group(user: str | None) -> int | None:
    """The main group of a user."""
    import pwd

    return pwd.getpwnam(user).pw_gid if user else None


_PORTS = range(10_000, 20_000)
"""Below those that stockops chooses, and those that the system hands out."""

_RESERVATIONS = 200
_reserved: deque[int] = deque()
"""Sockets, which the end of the process closes."""


def free_port() -> int:
    """A loopback port that nobody listens on now, and that no other test process draws before we use it."""
    port = random.choice(_PORTS)  # noqa: S311 - no secret
    return port if _reserve(port) else free_port()


def _reserve(port: int) -> bool:
    """Hold the UDP port of that number, which nobody needs: it tells other test processes to draw again."""
    mark = socket.socket(type=socket.SOCK_DGRAM)
    try:
        mark.bind(("127.0.0.1", port))
        _reach_myself(port)
    except OSError:
        mark.close()
        return False
    _reserved.append(mark.detach())
    if len(_reserved) > _RESERVATIONS:
        os.close(_reserved.popleft())
    return True


def _reach_myself(port: int) -> None:
    """Listen there and connect. Raises OSError.

    A container that was killed with its manager leaves rules behind that lead its port into nothing; a server
    listens on such a port and never hears a word.
    """
    with socket.create_server(("127.0.0.1", port)):
        socket.create_connection(("127.0.0.1", port), timeout=0.2).close()
