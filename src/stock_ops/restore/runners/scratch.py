"""A temporary PostgreSQL on a folder of its own: nobody else can reach it, and it dies with us.

In a container it is one of the database's own image (beside.py), which has the extensions of the data.
"""

import asyncio
import contextlib
import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import asyncpg

from stock_ops.kit.accounts import Account
from stock_ops.kit.commands import environment
from stock_ops.kit.container import recovery_door
from stock_ops.kit.errors import FolderError, PartError
from stock_ops.kit.files import remove, write_whole
from stock_ops.kit.layout import DATABASE, LONGEST_SOCKET_PATH
from stock_ops.kit.leashing import leashed
from stock_ops.kit.secret_names import SUPERUSER
from stock_ops.kit.wanted import NewFile
from stock_ops.kit.words import last_words
from stock_ops.local.facts.programs import Programs
from stock_ops.local.plans.settings import postgresql_settings
from stock_ops.local.runners.postgres import end_writers
from stock_ops.restore.plans.disarm import OPTIONS, SESSION
from stock_ops.restore.runners.beside import server_beside

PORT = 5432
"""Of the socket's name alone; no port is opened."""
_SOCKET = f".s.PGSQL.{PORT}"
_ACCESS = "local all all trust\n"
"""Only its user can enter the socket's folder, of mode 0700."""
_OPTIONS = {
    "port": f"{PORT}",
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "ssl": "off",
    "archive_mode": "off",
    "primary_conninfo": "",
    "summarize_wal": "off",
    "autovacuum": "off",
    "fsync": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_line_prefix": "",
    "log_timezone": "UTC",
    "lc_messages": "C",
}
"""Over our own settings, for a server that nobody works with."""
_NOT_NOW = (
    ConnectionError,
    FileNotFoundError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""While it starts, and when it ends in the middle of a question."""
_CONNECT_S = 20.0
_STOP_S = 120.0
_POLL_S = 0.05


class ScratchError(PartError):
    """The temporary server ended by itself; `log` is its output."""

    def __init__(self, why: str, log: str) -> None:
        super().__init__(
            f"PostgreSQL ended on the restored data: {why}",
            "Run this again; if it fails again, use an older backup (stockops backup list).",
        )
        self.log = log


@dataclass(frozen=True, slots=True)
class Place:
    """The folder, the programs and the user of a temporary server."""

    cluster: Path
    work: Path
    """Takes its access rules and its log."""
    programs: Programs
    binaries: Path
    """The folder of PostgreSQL's programs."""
    account: Account | None
    """Its user; None: our own."""


class Process(Protocol):
    """What runs the server."""

    def has_ended(self) -> bool:
        """Whether it is gone."""


class ScratchServer:
    """The server while it runs."""

    def __init__(self, process: Process, socket_folder: Path, log: Path) -> None:
        self._process, self._log, self.host = process, log, str(socket_folder)

    @property
    def log(self) -> str:
        """Its output so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    async def connect(self, database: str = DATABASE, user: str = SUPERUSER) -> asyncpg.Connection:
        """A connection, by default as the superuser."""
        return await asyncpg.connect(
            host=self.host,
            port=PORT,
            user=user,
            database=database,
            timeout=_CONNECT_S,
            ssl=False,
            server_settings=dict(SESSION) if user == SUPERUSER else None,
        )

    def ask(self, question: str, *values: object) -> Any:
        """The one value that answers a question; None while it takes no connections."""
        return asyncio.run(self._ask(question, *values))

    def wait_until(self, true: Callable[[], object]) -> None:
        """Return when it is true. Raises ScratchError when the server ends before."""
        while not true():
            if self._process.has_ended():
                raise ScratchError(_cause(self.log), self.log)
            time.sleep(_POLL_S)

    async def _ask(self, question: str, *values: object) -> Any:
        with contextlib.suppress(*_NOT_NOW):
            connection = await self.connect()
            try:
                return await connection.fetchval(question, *values)
            finally:
                await connection.close()
        return None


@contextlib.contextmanager
def scratch_server(place: Place, options: Mapping[str, str]) -> Iterator[ScratchServer]:
    """Run a server as long as the context lasts; it is stopped in order at the end.

    It reads our own settings alone, and `options` over them. It flushes nothing to the disk: when the
    machine goes down, the cluster is lost. Wait for what you need with `wait_until`: it may still recover.
    """
    end_writers(place.cluster)
    (place.cluster / "postmaster.pid").unlink(missing_ok=True)
    with socket_folder(place) as folder:
        access, log = place.work / "access.conf", place.work / "server.log"
        write_whole(NewFile(access, _ACCESS, place.account))
        settings = place.work / "scratch.conf"
        write_whole(NewFile(settings, postgresql_settings(PORT, 1, includes=False), place.account))
        own = {
            "config_file": str(settings),
            "unix_socket_directories": str(folder),
            "hba_file": str(access),
        }
        with _running(place, {**OPTIONS, **_OPTIONS, **own, **options}, log) as process:
            yield ScratchServer(process, folder, log)


def _cause(log: str) -> str:
    """Why it ended; not that it turned us away meanwhile, nor that a file is missing where the log ends."""
    lines = log.splitlines()
    return last_words(
        "\n".join(line for line in lines if "the database system is" not in line and line[:4] != "cp: ")
    )


def _running(
    place: Place, options: Mapping[str, str], log: Path
) -> "contextlib.AbstractContextManager[Process]":
    if door := recovery_door():
        write_whole(NewFile(log, "", place.account))
        return server_beside(door, place.cluster, options, log)
    return _own_server(place, options, log)


@dataclass(frozen=True, slots=True)
class _Own:
    """A child of ours."""

    process: "subprocess.Popen[bytes]"

    def has_ended(self) -> bool:
        return self.process.poll() is not None


@contextlib.contextmanager
def _own_server(place: Place, options: Mapping[str, str], log: Path) -> Iterator[Process]:
    """On a leash that ends it at once, together with its restore."""
    programs = place.programs
    program: list[str | Path] = [place.binaries / "postgres", "-D", place.cluster]
    program += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    command = leashed(programs.python, programs.leash, "QUIT", place.account, program, os.getpid())
    with log.open("wb") as out:
        log.chmod(0o600)
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/", env=environment()
        )
    try:
        yield _Own(process)
    finally:
        _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGINT, signal.SIGQUIT):
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)
            return
    process.kill()
    process.wait()


@contextlib.contextmanager
def socket_folder(place: Place) -> Iterator[Path]:
    """A folder that only the server's user and root can enter, with a path short enough for a socket."""
    folder = place.work / "socket"
    if len(os.fsencode(folder / _SOCKET)) > LONGEST_SOCKET_PATH:
        digest = hashlib.sha256(os.fsencode(place.work)).hexdigest()[:16]
        folder = Path("/tmp") / f"stockops-{os.getuid()}-{digest}"  # noqa: S108 - mode 0700, owner checked
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    _refuse_strange(folder, place.account)
    if place.account:
        os.chown(folder, place.account.uid, place.account.gid)
    try:
        yield folder
    finally:
        remove(folder)


def _refuse_strange(folder: Path, account: Account | None) -> None:
    """One that a killed server left will do; nobody else's."""
    status = folder.lstat()
    ours = {os.getuid(), account.uid if account else os.getuid()}
    if folder.is_symlink() or status.st_uid not in ours or status.st_mode & 0o077:
        raise FolderError(f"{folder}, the place of a socket, is not ours alone.", "Remove it.")
