"""The processes of one data folder: the supervisor, its parts, and those that lost their supervisor."""

import contextlib
import http.client
import itertools
import re
import socket
import xmlrpc.client
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psutil

from stock_ops.kit.layout import Layout
from stock_ops.kit.patience import patient

_ANSWER_S, _LONGEST_S = 4.0, 15.0
"""A supervisor that is busy starting and logging answers late; one that is taken for dead is ended."""


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
        super().__init__("localhost", timeout=min(patient(_ANSWER_S), _LONGEST_S))
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
"""Errors of a control socket that does not answer."""


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


def work_done(pid: int | None) -> float:
    """Seconds of the processor that a process and its children have used: they grow while it gets on."""
    try:
        process = psutil.Process(pid or -1)
        members = [process, *process.children(recursive=True)]
    except (psutil.Error, ValueError):
        return 0.0
    total = 0.0
    for member in members:
        with contextlib.suppress(psutil.Error):
            times = member.cpu_times()
            total += times.user + times.system
    return total


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
    """Processes that are what a start of this folder starts; not their children, which end with them."""
    found: dict[int, tuple[str, int | None]] = {}
    for process in psutil.process_iter(["name", "cmdline"]):
        part = part_of(process.info["name"] or "", process.info["cmdline"] or [], layout)
        with contextlib.suppress(psutil.NoSuchProcess):
            if part and process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = part, process.ppid()
    for pid, (part, parent) in found.items():
        if parent not in found or found[parent][0] != part:
            yield Leftover(part, pid)


def part_of(name: str, line: list[str], layout: Layout) -> str | None:
    """The part whose whole command line this is; a program that merely mentions a file of ours is none.

    name: of the process, as the system knows it.
    """
    if name == "valkey-server" and _valkey_title(layout).fullmatch(" ".join(line).rstrip()):
        return "valkey"
    program, *arguments = _unwrapped(line) or [""]
    commands = {
        ("supervisord", "-c", str(layout.supervisor_config)): "supervisor",
        ("supervisor.supervisord", "-c", str(layout.supervisor_config)): "supervisor",
        ("postgres", "-D", str(layout.postgresql)): "postgresql",
        ("valkey-server", str(layout.valkey_config)): "valkey",
        ("stock-analysis", *_SERVE, str(layout.platform_config)): "platform",
        ("stock_ops", *_RUN, str(layout.root)): "backup",
    }
    return commands.get((Path(program).name, *arguments))


_SERVE = ("serve", "--target", "all", "--config")
_RUN = ("backup", "run", "--data")


def _valkey_title(layout: Layout) -> re.Pattern[str]:
    """Valkey writes its program, address and file over its command line, as one word or as several."""
    return re.compile(rf".*valkey-server \S+:\d+ {re.escape(str(layout.valkey_config))}")


def _unwrapped(line: list[str]) -> list[str]:
    """The program and its arguments, without an interpreter and the leash before it."""
    if not line or not Path(line[0]).name.startswith("python"):
        return line
    script = list(itertools.dropwhile(lambda word: word in {"-I", "-S", "-m"}, line[1:]))
    return _unwrapped(script[4:]) if script and Path(script[0]).name == "leash.py" else script
