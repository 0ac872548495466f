"""A command of the project as a process of its own, without loading its code anew each time.

A zygote loads everything once and forks a child for each command. That takes milliseconds, where Python takes
most of a second of the processor to start and load.
"""

import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_ORDER_BYTES = 2**17
_ROOT = Path(__file__).parents[1]
_PATH = [f"{_ROOT / 'src'}", f"{_ROOT}"]
_PROGRAM = """
import socket, sys
sys.path[:0] = {}
{}
from {} import main
from tests.zygote import serve
serve(main, socket.socket(fileno={}))
"""


@dataclass
class Forked:
    """A command that was forked."""

    pid: int
    _connection: socket.socket

    def wait(self, limit_s: float | None = None) -> int:
        """Its exit code once it has ended; negative: the signal that ended it. Raises TimeoutError."""
        self._connection.settimeout(limit_s)
        with self._connection:
            return int(self._connection.recv(_ORDER_BYTES))

    def has_ended(self) -> bool:
        """Whether it has ended; `wait` says how."""
        return bool(select.select([self._connection], [], [], 0)[0])


class Zygote:
    """A process with a command's code loaded, that forks.

    main: the module whose `main` is the command. setup: statements that load more.
    """

    def __init__(self, main: str, setup: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="zygote-"))
        place = self._folder / "door"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
            door.bind(f"{place}")
            door.listen()
            self._place = place
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM.format(_PATH, setup, main, door.fileno())],
                stdin=subprocess.PIPE,
                pass_fds=[door.fileno()],
                env={name: value for name, value in os.environ.items() if not name.startswith("STOCK")},
            )

    def fork(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        out: IO[bytes],
        err: IO[bytes],
        python: str = sys.executable,
        module: str = "",
    ) -> Forked:
        """Begin the command.

        arguments: sys.argv. python: what it takes for its interpreter. module: instead of the command, its
        `main` is called with the arguments after the first.
        """
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.connect(f"{self._place}")
        order = {"arguments": [*arguments], "environment": dict(environment), "python": python}
        order |= {"module": module}
        socket.send_fds(connection, [json.dumps(order).encode()], [out.fileno(), err.fileno()])
        return Forked(int(connection.recv(_ORDER_BYTES)), connection)

    def end(self) -> None:
        """End it; what it has forked goes on."""
        self._process.kill()
        self._process.communicate()
        self._place.unlink()
        self._folder.rmdir()


def serve(command: Callable[[], None], door: socket.socket) -> None:
    """Fork for every caller, until whoever started this is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    gc.freeze()  # else each child goes through all that was loaded, and copies it: 0.17 s of the processor
    while sys.stdin not in select.select([door, sys.stdin], [], [])[0]:
        connection, _ = door.accept()
        if os.fork() == 0:
            door.close()
            if module := _answer(connection):
                importlib.import_module(module).main(*sys.argv[1:])
            else:
                command()
            sys.exit()
        connection.close()


def _answer(connection: socket.socket) -> str:
    """Fork a child, to which this returns the module to run, and tell how it ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    order, handles, _, _ = socket.recv_fds(connection, _ORDER_BYTES, 2)
    child = os.fork()
    if child:
        connection.send(f"{child}".encode())
        connection.send(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}".encode())
        os._exit(0)
    connection.close()
    return _become(handles, **json.loads(order))


def _become(
    handles: Sequence[int], arguments: Sequence[str], environment: Mapping[str, str], python: str, module: str
) -> str:
    """Be as if started with these; returns the module."""
    handles = [os.open(os.devnull, os.O_RDONLY), *handles]
    for number, handle in enumerate(handles):
        os.dup2(handle, number)
        os.close(handle)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir("/")
    os.environ.clear()
    os.environ.update(environment)
    sys.argv, sys.executable = [*arguments], python
    return module
