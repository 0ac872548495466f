"""All facts that a plan needs, read in one go."""

import errno
import os
import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stock_ops.kit.accounts import Account, current_account, service_account
from stock_ops.kit.backup_settings import BackupSettings, Places, read_backup_settings
from stock_ops.kit.container import in_container
from stock_ops.kit.errors import OpsError
from stock_ops.kit.layout import LOOPBACK, PARTS, PLATFORM_ROLES, Layout
from stock_ops.kit.patience import operators_factor, patient
from stock_ops.kit.secret_names import PEPPER, SESSION_KEY, VALKEY
from stock_ops.kit.wanted import UNFINISHED
from stock_ops.local.facts.folder import Folder, observe_folder
from stock_ops.local.facts.health import Door, Health, ask
from stock_ops.local.facts.instance import (
    SECRET_FIELDS,
    Cluster,
    Memory,
    Overrides,
    Secrets,
    Unreadable,
    read_cluster,
    read_memory,
    read_overrides,
    read_pid,
    read_secrets,
    read_text,
)
from stock_ops.local.facts.part import ask_part
from stock_ops.local.facts.places import places_to_keep
from stock_ops.local.facts.ports import Holder, free_ports, holders_of, is_taken, obstacle
from stock_ops.local.facts.processes import (
    Leftover,
    Supervisor,
    observe_leftovers,
    observe_supervisor,
    work_done,
)
from stock_ops.local.facts.programs import (
    Fingerprints,
    Programs,
    Wheel,
    fingerprints,
    observe_programs,
    place_of,
    postgresql_bin,
)
from stock_ops.local.facts.unfinished import is_putting_in_place, read_abandoned
from stock_ops.storage.facts.keys import Keys, observe_keys

_LOOK_S = 1.0
_ANSWER_S = 3.0


@dataclass(frozen=True, slots=True)
class Spare:
    """Unused values, drawn here so that the plan stays a pure function."""

    secrets: Secrets
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """One data folder with its processes and ports, at one moment."""

    layout: Layout
    account: Account
    service: Account | None
    folder: Folder
    memory: Memory | Unreadable | None
    secrets: Secrets | Unreadable | None
    overrides: Overrides | Unreadable | None
    backups: BackupSettings | OpsError
    """Settings of the backups, or why they cannot be used."""
    cluster: Cluster | Unreadable
    programs: Programs
    copied_programs: frozenset[str]
    """Names of the complete copies of servers in the data folder."""
    fingerprints: Fingerprints
    supervisor: Supervisor
    leftovers: tuple[Leftover, ...]
    stale_pid: int | None
    """The supervisor that a pid file names although it is gone."""
    taken: Mapping[int, Holder]
    """Holders of our ports that are in use, this instance included."""
    closed: str | None
    """Why no program can listen at our public address; None when one can, or does."""
    texts: Mapping[Path, str | None]
    """Generated files as they are now."""
    health: Mapping[str, Health]
    """Answers of the running parts."""
    now: float
    """Epoch seconds."""
    environment: frozenset[str]
    """Names of the STOCK_... variables that are set, but for one that names our own settings."""
    spare: Spare
    abandoned: tuple[Path, ...] = ()
    """Scratch folders of drills that were killed."""
    putting_in_place: bool = False
    """A restore was cut off while it put its data in place."""
    keys: Keys = field(default_factory=Keys)
    getting_on: frozenset[str] = frozenset()
    """Parts that do not answer, but work."""
    patience: float = 1.0
    """How many times as long as usual the operator wants to wait."""
    places: Places | None = None
    """Of storage and key, which are not written down yet."""
    overview: Mapping[str, Any] | None = None
    """The account of the part `backup`; None when it does not run."""
    served_at: str | None = None
    """In a container: where another container serves the database now; None when none does."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that shall run."""
        off = isinstance(self.backups, BackupSettings) and not self.backups.enabled
        return tuple(name for name in PARTS if name != "backup" or not off)

    def package(self, wheel: Wheel) -> Path:
        """Where a server is run from: its wheel, or its copy when it runs as another user."""
        return place_of(wheel, self.layout.programs, self.service)

    def door(self, name: str, port: int) -> Door:
        """How to ask a part whether it does its work."""
        wheel = self.programs.postgresql
        isready = postgresql_bin(self.package(wheel) if wheel else Path("/nonexistent")) / "pg_isready"
        host = public_host(self.overrides) if name == "platform" else LOOPBACK
        password = self.secrets.valkey if isinstance(self.secrets, Secrets) else ""
        return Door(name, host, port, isready, password)


def observe(layout: Layout, *, port: int | None) -> Facts:
    """Read everything, then ask the parts that run. Changes nothing.

    port: the one the operator asks for, if any.
    """
    facts = _read_all(layout, port)
    ports = facts.memory.ports if isinstance(facts.memory, Memory) else {}
    doors = [facts.door(name, number) for name, number in ports.items() if facts.supervisor.runs(name)]
    overview = ask_part(layout) if facts.supervisor.runs("backup") else None
    health = {door.name: ask(door) for door in doors}
    silent = [name for name, one in health.items() if not one.answers]
    return replace(facts, health=health, overview=overview, getting_on=_getting_on(facts, silent))


def _getting_on(facts: Facts, names: Sequence[str]) -> frozenset[str]:
    """Those parts that work although they do not answer: what is slow is not stuck."""
    pids = {name: part.pid for name in names if (part := facts.supervisor.part(name))}
    before = {name: work_done(pid) for name, pid in pids.items()}
    if pids:
        time.sleep(patient(_LOOK_S))
    return frozenset(name for name, pid in pids.items() if work_done(pid) > before[name])


def door_of(layout: Layout, name: str, port: int) -> Door:
    """How to ask a part whether it does its work, where nothing else of the instance is known."""
    programs, secrets = observe_programs(), read_secrets(layout)
    wheel, service = programs.postgresql, service_account(layout.postgresql)
    package = place_of(wheel, layout.programs, service) if wheel else Path("/nonexistent")
    host = public_host(read_overrides(layout)) if name == "platform" else LOOPBACK
    password = secrets.valkey if isinstance(secrets, Secrets) else ""
    return Door(name, host, port, postgresql_bin(package) / "pg_isready", password)


def _read_all(layout: Layout, port: int | None) -> Facts:
    service = service_account(layout.postgresql)
    memory, overrides, backups = read_memory(layout), read_overrides(layout), _backups(layout)
    supervisor = observe_supervisor(layout)
    remembered = memory.ports if isinstance(memory, Memory) else {}
    host, public = public_host(overrides), port or remembered.get("platform", 8080)
    return Facts(
        layout=layout,
        account=current_account(),
        service=service,
        folder=observe_folder(layout.root, service, layout.folders),
        memory=memory,
        secrets=read_secrets(layout),
        overrides=overrides,
        backups=backups,
        cluster=read_cluster(layout),
        programs=observe_programs(),
        copied_programs=_copies(layout.programs),
        fingerprints=fingerprints(),
        supervisor=supervisor,
        stale_pid=read_pid(layout.supervisor_pid) if supervisor.pid is None else None,
        leftovers=observe_leftovers(layout, supervisor),
        taken=_taken(host, public, remembered),
        closed=_closed(host, public),
        texts={path: read_text(path) for path in generated_files(layout)},
        health={},
        now=time.time(),
        patience=operators_factor(),
        places=places_to_keep(layout),
        environment=_environment(layout),
        spare=Spare(draw_secrets(), free_ports(LOOPBACK, 4, avoid=frozenset(remembered.values()))),
        abandoned=read_abandoned(layout),
        putting_in_place=is_putting_in_place(layout),
        keys=observe_keys(layout, backups) if isinstance(backups, BackupSettings) else Keys(),
        served_at=_served_at(memory) if in_container() else None,
    )


def _served_at(memory: Memory | Unreadable | None) -> str | None:
    if not isinstance(memory, Memory) or "postgresql" not in memory.ports:
        return None
    place = memory.host("postgresql"), memory.ports["postgresql"]
    try:
        socket.create_connection(place, timeout=_ANSWER_S).close()
    except OSError:
        return None
    return f"{place[0]}:{place[1]}"


def _environment(layout: Layout) -> frozenset[str]:
    others = os.environ.items() - {("STOCK_CONFIG_FILE", f"{layout.platform_config}")}
    return frozenset(name for name, _ in others if name.startswith("STOCK_"))


def _backups(layout: Layout) -> BackupSettings | OpsError:
    try:
        return read_backup_settings(layout)
    except OpsError as error:
        return error


def live_host(facts: Facts) -> str:
    """Where the platform that serves now is asked."""
    if in_container() and isinstance(facts.memory, Memory):
        return facts.memory.host("platform")
    return public_host(facts.overrides)


def public_host(overrides: Overrides | Unreadable | None) -> str:
    """The address the gateway listens on."""
    return str(overrides.get("host", LOOPBACK)) if isinstance(overrides, dict) else LOOPBACK


def generated_files(layout: Layout) -> tuple[Path, ...]:
    """The files that stockops writes and compares."""
    return (
        layout.platform_config,
        layout.supervisor_config,
        layout.valkey_config,
        layout.postgresql / "postgresql.conf",
        layout.postgresql / "pg_hba.conf",
        layout.passfile,
        *(layout.passwords / name for name in (*PLATFORM_ROLES, VALKEY, SESSION_KEY, PEPPER)),
    )


def _taken(host: str, public: int, remembered: Mapping[str, int]) -> dict[int, Holder]:
    places = [(LOOPBACK, port) for name, port in remembered.items() if name != "platform"]
    return holders_of({port for at, port in (*places, (host, public)) if is_taken(at, port)})


def _closed(host: str, port: int) -> str | None:
    found = obstacle(host, port)
    return None if found is None or found.errno == errno.EADDRINUSE else found.strerror or str(found)


def _copies(folder: Path) -> frozenset[str]:
    try:
        return frozenset(copy.name for copy in folder.iterdir() if copy.suffix != UNFINISHED)
    except OSError:
        return frozenset()


def draw_secrets() -> Secrets:
    """Of all but those that a rotation begins."""
    drawn = {name for name in SECRET_FIELDS if name not in {"session_before", "pepper"}}
    values: dict[str, Any] = {name: secrets.token_hex(24) for name in drawn}
    return Secrets(**values)
