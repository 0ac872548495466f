"""The memory of the data folder: ports, passwords, the database cluster, the generated settings."""

import json
import struct
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import psutil

from stock_ops.kit.container import in_container, named_servers, secret
from stock_ops.kit.layout import (
    BACKUP_ROLE,
    FORMAT,
    GATEWAY_ROLE,
    LOOPBACK,
    OWNER_ROLE,
    READER_ROLE,
    RELAY_ROLE,
    SENTIMENT_ROLE,
    WRITER_ROLE,
    Layout,
)
from stock_ops.kit.secret_names import PEPPER, SESSION_KEY, SUPERUSER, VALKEY

_CONTROL = struct.Struct("=Q")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is there and makes no sense."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Memory:
    """instance.json."""

    format: int
    ports: dict[str, int]
    sample: str | None
    """Fingerprint of the sample data that were imported."""
    code: str | None
    """Fingerprint of the program that was started last."""
    backup: str | None = None
    """Fingerprint of the last start of the part `backup`: its code and its settings."""
    hosts: dict[str, str] = field(default_factory=dict)
    """Where a server listens that does not on loopback."""

    def host(self, name: str) -> str:
        """Where a server listens."""
        return self.hosts.get(name, LOOPBACK)


@dataclass(frozen=True, slots=True)
class Change:
    """A secret on its way from one value to the next."""

    new: str = field(repr=False)
    old: str = field(repr=False)
    keep_old: bool = True
    """The old one stays valid until it is over by itself, if it can."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """secrets.json. Never printed."""

    superuser: str = field(repr=False)
    database: str = field(repr=False)
    valkey: str = field(repr=False)
    backup: str = field(default="", repr=False)
    """This one and the next are empty in a folder of a release that had no such role."""
    writer: str = field(default="", repr=False)
    reader: str = field(default="", repr=False)
    gateway: str = field(default="", repr=False)
    relay: str = field(default="", repr=False)
    sentiment: str = field(default="", repr=False)
    session: str = field(default="", repr=False)
    session_before: str = field(default="", repr=False)
    """Still believed beside its successor, until the sessions that it signed are over."""
    pepper: str = field(default="", repr=False)
    """Empty: API keys have none."""
    changing: Mapping[str, Change] = field(default_factory=dict)
    """Secrets whose change was begun, by their field: `up` brings it to its end."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The database cluster on disk."""

    major: int | None
    """None: there is none."""
    unfinished: bool
    """An earlier start was stopped while it made one."""
    strange: bool = False
    """The folder holds files that are no cluster."""
    postmaster_pid: int | None = None
    """The living process that postmaster.pid names; None when there is none."""
    postmaster_name: str | None = None


Overrides = dict[str, Any]
T = TypeVar("T")


def read_memory(layout: Layout) -> Memory | Unreadable | None:
    """instance.json, or None when there is none. In a container, what the environment says instead."""
    if in_container():
        return _memory_in_container()
    return _read(layout.memory, _parse_memory)


def read_secrets(layout: Layout) -> Secrets | Unreadable | None:
    """secrets.json, or None when there is none. In a container, the files that it was given instead."""
    if in_container():
        return _secrets_in_container()
    return _read(layout.secrets, _parse_secrets)


def read_overrides(layout: Layout) -> Overrides | Unreadable | None:
    """The operator's overrides.toml, or None when there is none."""
    return _read(layout.overrides, tomllib.loads)


def read_cluster(layout: Layout) -> Cluster | Unreadable:
    """The cluster's major version and leftovers of earlier runs."""
    version = _read(layout.postgresql / "PG_VERSION", lambda text: int(text.split(".")[0]))
    if isinstance(version, Unreadable):
        return version
    pid = _read(layout.postgresql / "postmaster.pid", lambda text: int(text.split("\n")[0]))
    name = _process_name(pid) if isinstance(pid, int) else None
    return Cluster(
        major=version,
        unfinished=layout.postgresql_unfinished.exists(),
        strange=version is None and not _empty(layout.postgresql),
        postmaster_pid=pid if isinstance(pid, int) and name else None,
        postmaster_name=name,
    )


def read_text(path: Path) -> str | None:
    """The text of a generated file, or None when it is missing or unreadable."""
    text = _read(path, str)
    return None if isinstance(text, Unreadable) else text


def read_pid(path: Path) -> int | None:
    """The number in a pid file, true or stale."""
    pid = _read(path, int)
    return pid if isinstance(pid, int) else None


def _read(path: Path, parse: Callable[[str], T]) -> T | Unreadable | None:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Unreadable(path, error.strerror or type(error).__name__)
    except (ValueError, KeyError, TypeError) as error:
        return Unreadable(path, _one_line(error))


def _parse_memory(text: str) -> Memory:
    found = _table(json.loads(text))
    if int(found.get("format", 0)) > FORMAT:
        return Memory(int(found["format"]), {}, None, None)  # what else it holds, a later release knows
    ports = {str(name): _port(value) for name, value in _table(found["ports"]).items()}
    return Memory(int(found["format"]), ports, found.get("sample"), found.get("code"), found.get("backup"))


def _memory_in_container() -> Memory:
    servers = named_servers()
    ports = {name: port for name, (_, port) in servers.items()}
    return Memory(FORMAT, ports, None, None, hosts={name: host for name, (host, _) in servers.items()})


def _secrets_in_container() -> Secrets:
    return Secrets(
        superuser=secret(SUPERUSER), database="", valkey=secret(VALKEY), backup=secret(BACKUP_ROLE)
    )


def _parse_secrets(text: str) -> Secrets:
    found = _table(json.loads(text))
    values = {name: found[name] for name in ("superuser", "database", "valkey")}
    values |= {name: found[name] for name in SECRET_FIELDS if found.get(name)}
    changing = {
        str(name): Change(str(_table(one)["new"]), str(_table(one)["old"]), bool(_table(one)["keep_old"]))
        for name, one in _table(found.get("changing", {})).items()
    }
    every = [*values.values(), *(one.new for one in changing.values())]
    if not all(isinstance(value, str) and value.isalnum() for value in every):
        raise ValueError("a password is not made of letters and digits")
    return Secrets(**values, changing=changing)


SECRET_FIELDS = tuple(one.name for one in fields(Secrets) if one.name != "changing")


FIELDS: Mapping[str, str] = {
    SUPERUSER: "superuser",
    OWNER_ROLE: "database",
    WRITER_ROLE: "writer",
    READER_ROLE: "reader",
    GATEWAY_ROLE: "gateway",
    RELAY_ROLE: "relay",
    SENTIMENT_ROLE: "sentiment",
    BACKUP_ROLE: "backup",
    VALKEY: "valkey",
    SESSION_KEY: "session",
    PEPPER: "pepper",
}
"""The field of secrets.json that holds each."""


def _table(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("a table was expected")  # noqa: TRY004 - the text is wrong, not the program
    return value


def _port(value: object) -> int:
    if not isinstance(value, int) or not 0 < value < 65536:
        raise ValueError(f"{value!r} is not a port")
    return value


def _process_name(pid: int) -> str | None:
    """Name of the living process; one that was just killed has lost its command line and counts as gone."""
    try:
        process = psutil.Process(pid)
        return process.name() if process.cmdline() else None
    except psutil.Error:
        return None


def _empty(folder: Path) -> bool:
    try:
        return not any(folder.iterdir())
    except OSError:
        return True


def _one_line(error: Exception) -> str:
    text = f"{error} is missing" if isinstance(error, KeyError) else str(error)
    return " ".join(text.split()) or type(error).__name__


def read_system_identifier(cluster: Path) -> str | None:
    """Whose cluster it is: the first number in pg_control; None where that cannot be read."""
    try:
        with (cluster / "global" / "pg_control").open("rb") as file:
            return str(_CONTROL.unpack(file.read(_CONTROL.size))[0])
    except (OSError, struct.error):
        return None
