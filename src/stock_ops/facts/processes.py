"""What runs for one data folder: the supervisor, its parts, and processes that lost their supervisor."""

import contextlib
import http.client
import os
import socket
import xmlrpc.client
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psutil

from stock_ops.layout import Layout

_ANSWER_S = 3.0


@dataclass(frozen=True, slots=True)
class Part:
    """One supervised process as the supervisor sees it."""

    name: str
    state: str
    """STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED or FATAL."""
    pid: int | None
    since: float
    """Epoch seconds of the last change of its state."""
    remark: str


@dataclass(frozen=True, slots=True)
class Supervisor:
    """The supervisor of the data folder."""

    pid: int | None
    answers: bool
    parts: tuple[Part, ...]

    def part(self, name: str) -> Part | None:
        """The part of this name."""
        return next((part for part in self.parts if part.name == name), None)

    def runs(self, name: str) -> bool:
        """Whether the part runs or has just been started."""
        part = self.part(name)
        return part is not None and part.state in {"RUNNING", "STARTING"}


@dataclass(frozen=True, slots=True)
class Leftover:
    """A process of this data folder that no supervisor looks after."""

    name: str
    pid: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Memory of one process with its children."""

    rss_bytes: int
    own_bytes: int
    """Each shared page counted once (PSS); the RSS where the system does not say."""
    started: float


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over the control socket; never waits longer than its timeout."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_ANSWER_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = self._connection[1] if self._connection else None
        if connection is None:
            connection = _UnixConnection(self._path)
            self._connection = host, connection  # which the base class closes
        return connection


@contextlib.contextmanager
def control(layout: Layout) -> Iterator[Any]:
    """The supervisor's remote procedures."""
    with xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(layout.socket)) as server:
        yield server.supervisor


UNREACHABLE = (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError)
"""What the control socket raises when nobody answers."""


def observe_supervisor(layout: Layout) -> Supervisor:
    """Ask the supervisor; when it does not answer, look for its process."""
    try:
        with control(layout) as remote:
            return Supervisor(int(remote.getPID()), True, _parts(remote.getAllProcessInfo()))
    except (*UNREACHABLE, xmlrpc.client.Fault):
        mine = [left.pid for left in _processes_of(layout) if left.name == "supervisor"]
        return Supervisor(mine[0] if mine else None, False, ())


def observe_leftovers(layout: Layout, supervisor: Supervisor) -> tuple[Leftover, ...]:
    """Processes of this folder beside the supervisor and its children."""
    known = {supervisor.pid, *(part.pid for part in supervisor.parts)}
    return tuple(left for left in _processes_of(layout) if left.pid not in known)


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def usage(pid: int, *, with_children: bool = True) -> Usage | None:
    """Memory of the process, and of its children if asked for; None when it is gone."""
    try:
        process = psutil.Process(pid)
        members = [process, *(process.children(recursive=True) if with_children else [])]
        started = process.create_time()
    except psutil.Error:
        return None
    sizes = [size for member in members if (size := _memory(member))]
    return Usage(sum(rss for rss, _ in sizes), sum(own for _, own in sizes), started)


def _memory(process: psutil.Process) -> tuple[int, int] | None:
    try:
        full = process.memory_full_info()
    except (psutil.Error, OSError):
        return _resident(process)
    return int(full.rss), int(getattr(full, "pss", full.rss))


def _resident(process: psutil.Process) -> tuple[int, int] | None:
    try:
        rss = int(process.memory_info().rss)
    except psutil.Error:
        return None
    return rss, rss


def _parts(answer: object) -> tuple[Part, ...]:
    return tuple(
        Part(
            name=str(one["name"]),
            state=str(one["statename"]),
            pid=int(one["pid"]) or None,
            since=float(max(one["start"], one["stop"])),
            remark=str(one["spawnerr"] or ""),
        )
        for one in cast("list[dict[str, Any]]", answer)
    )


def _processes_of(layout: Layout) -> Iterator[Leftover]:
    marks = {
        str(layout.supervisor_config): "supervisor",
        str(layout.postgresql): "postgresql",
        str(layout.valkey_config): "valkey",
        str(layout.platform_config): "platform",
    }
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        line = process.info["cmdline"] or []
        name = next((marks[word] for word in line if word in marks), None) or _titled(line, layout)
        if name and process.info["status"] != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
            yield Leftover(name, process.pid)


def _titled(line: list[str], layout: Layout) -> str | None:
    """Valkey writes its whole command line into one word."""
    return "valkey" if len(line) >= 1 and line[0].endswith(f" {layout.valkey_config}") else None
