"""How an instance shall be in the end: its ports, passwords, folders and generated files. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stock_ops.kit.backup_settings import BackupSettings, dump_places
from stock_ops.kit.errors import OpsError
from stock_ops.kit.layout import FORMAT
from stock_ops.kit.wanted import NewFile, NewFolder
from stock_ops.local.facts.instance import SECRET_FIELDS, Memory, Secrets
from stock_ops.local.facts.observe import Facts, public_host
from stock_ops.local.facts.programs import postgresql_bin, valkey_server
from stock_ops.local.plans.refusals import Installed
from stock_ops.local.plans.settings import (
    Servers,
    passfile_text,
    platform_settings,
    postgresql_access,
    postgresql_settings,
    secret_files,
    supervisor_settings,
    valkey_settings,
)

DEFAULT_PORT = 8080


@dataclass(frozen=True, slots=True)
class Target:
    """The state that a start leads to."""

    memory: Memory
    secrets: Secrets
    overrides: Mapping[str, Any]
    backups: BackupSettings
    postgresql: Path
    valkey: Path
    servers: Servers
    host: str


def settle(facts: Facts, programs: Installed, port: int | None) -> Target:
    """The target of a start.

    port: the one the operator asks for; None keeps the remembered one.
    Raises the error of the backups' settings.
    """
    known = facts.memory if isinstance(facts.memory, Memory) else Memory(FORMAT, {}, None, None)
    ports = settle_ports(facts, known.ports, port)
    overrides = facts.overrides if isinstance(facts.overrides, dict) else {}
    postgresql = facts.package(programs.postgresql)
    valkey = facts.package(programs.valkey)
    servers = Servers(
        postgres=postgresql_bin(postgresql) / "postgres",
        valkey=valkey_server(valkey),
        platform=programs.platform,
        python=facts.programs.python,
        leash=facts.programs.leash,
        ports=ports,
        service=facts.service,
    )
    return Target(
        memory=replace(known, ports=ports),
        secrets=_secrets(facts),
        overrides=overrides,
        backups=_usable(facts.backups),
        postgresql=postgresql,
        valkey=valkey,
        servers=servers,
        host=public_host(facts.overrides),
    )


def _secrets(facts: Facts) -> Secrets:
    """Those of the folder; a folder of an older release gets those it lacks.

    A change that was begun and whose servers have stopped since is at its end: they start with the new value.
    That of the pepper is not: the hashes in the database may still be sealed with the old one.
    """
    if not isinstance(facts.secrets, Secrets):
        return facts.spare.secrets
    known = {name: getattr(facts.secrets, name) for name in SECRET_FIELDS if getattr(facts.secrets, name)}
    changing = dict(facts.secrets.changing)
    pepper = {name: changing.pop(name) for name in ("pepper",) if name in changing}
    known |= {name: change.new for name, change in changing.items()}
    return replace(facts.spare.secrets, **known, changing=pepper)


def _usable(backups: BackupSettings | OpsError) -> BackupSettings:
    if isinstance(backups, OpsError):
        raise backups
    return backups


def settle_ports(facts: Facts, known: Mapping[str, int], wish: int | None) -> dict[str, int]:
    """The public port as wished or remembered; the internal ones as remembered unless others took them."""
    spare = iter(facts.spare.ports)
    ports = {"platform": wish or known.get("platform", DEFAULT_PORT)}
    for name in (name for name in facts.parts if name != "platform"):
        port = known.get(name)
        ports[name] = next(spare) if port is None or is_lost(facts, name, port) else port
    return ports


def is_lost(facts: Facts, name: str, port: int) -> bool:
    """Whether another program has taken the port of a part."""
    return port in facts.taken and not _is_ours(facts, name, port)


def _is_ours(facts: Facts, name: str, port: int) -> bool:
    holder = facts.taken[port].pid
    ended = {left.pid for left in facts.leftovers if left.name == name}
    part = facts.supervisor.part(name)
    if holder is None:
        return facts.supervisor.runs(name) or bool(ended)
    return holder in ended or (part is not None and holder == part.pid)


def changed_files(facts: Facts, target: Target) -> tuple[NewFile, ...]:
    """The generated files that are missing, or hold another text."""
    return tuple(file for file in _files(facts, target) if facts.texts.get(file.path) != file.text)


def _files(facts: Facts, target: Target) -> Iterator[NewFile]:
    layout, servers, secrets, ports = facts.layout, target.servers, target.secrets, target.memory.ports
    cluster, service = layout.postgresql, facts.service
    server = postgresql_settings(ports["postgresql"], target.backups.wal_keep_gib)
    yield NewFile(cluster / "postgresql.conf", server, service)
    yield NewFile(cluster / "pg_hba.conf", postgresql_access(), service)
    yield NewFile(layout.passfile, passfile_text(ports["postgresql"], secrets.backup), service)
    yield NewFile(layout.valkey_config, valkey_settings(layout, ports["valkey"], secrets.valkey), service)
    yield NewFile(layout.supervisor_config, supervisor_settings(layout, servers, target.overrides))
    for name, text in secret_files(secrets).items():
        yield NewFile(layout.passwords / name, text)
    if facts.places and target.backups.enabled:
        yield NewFile(layout.backup_places, dump_places(facts.places))
    yield NewFile(layout.platform_config, platform_settings(layout, servers, target.overrides))


def wrong_folders(facts: Facts) -> Iterator[NewFolder]:
    """The folders that are missing, or have another mode or owner."""
    for folder in _folders(facts):
        found = facts.folder.modes.get(folder.path)
        owner = folder.owner.uid if folder.owner else facts.account.uid
        if found is None or (
            folder.path != facts.layout.root and (found.mode, found.owner) != (folder.mode, owner)
        ):
            yield folder
        elif folder.path == facts.folder.closed_to_service:
            yield NewFolder(folder.path, found.mode | 0o011)


def _folders(facts: Facts) -> Iterator[NewFolder]:
    layout, service = facts.layout, facts.service
    passable = 0o711 if service else 0o700
    yield NewFolder(layout.root, passable)
    yield from (NewFolder(path, 0o700) for path in (layout.config, layout.passwords, layout.logs, layout.run))
    yield NewFolder(layout.programs, passable)
    yield NewFolder(layout.valkey, 0o700, service)
    yield NewFolder(layout.backup, passable)
    yield from (NewFolder(path, 0o700, service) for path in (layout.spool, layout.manifests))
    yield NewFolder(layout.drills, 0o700)
