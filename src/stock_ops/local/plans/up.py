"""What is still missing until the platform runs. A platform that runs as it should needs no step."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.errors import DiskFullError, OpsError, PortTakenError
from stock_ops.kit.layout import FORMAT, LOOPBACK, PARTS, STOPPING
from stock_ops.kit.wanted import NewFile, NewFolder
from stock_ops.local.facts.instance import Cluster, Memory, Secrets, Unreadable
from stock_ops.local.facts.observe import Facts, public_host
from stock_ops.local.facts.programs import postgresql_bin, valkey_server
from stock_ops.local.plans.refusals import (
    Installed,
    installed,
    refuse_address,
    refuse_data,
    refuse_folder,
    refuse_service,
    refuse_settings,
)
from stock_ops.local.plans.settings import (
    Servers,
    passfile_text,
    platform_settings,
    postgresql_access,
    postgresql_settings,
    supervisor_settings,
    valkey_settings,
)
from stock_ops.local.plans.steps import (
    AwaitPart,
    CopyProgram,
    CreateCluster,
    DrawKey,
    EndProcess,
    MakeFolders,
    Remember,
    RemoveLeftover,
    RunPlatform,
    SetPasswords,
    SetUpBackups,
    StartPart,
    StartSupervisor,
    Step,
    StopPart,
    StopSupervisor,
    WriteFiles,
    WriteSecrets,
)

DEFAULT_PORT = 8080
FIRST_START_BYTES = 768 * 2**20
NEXT_START_BYTES = 96 * 2**20
PATIENCE_S = 30.0
"""A part that runs longer than this and does not answer is started again."""


@dataclass(frozen=True, slots=True)
class UpPlan:
    """The steps that are missing, and where the platform will answer."""

    steps: tuple[Step, ...]
    host: str
    ports: Mapping[str, int]
    starts_supervisor: bool


@dataclass(frozen=True, slots=True)
class _Target:
    """How it should be in the end."""

    memory: Memory
    secrets: Secrets
    overrides: Mapping[str, Any]
    backups: BackupSettings
    postgresql: Path
    valkey: Path
    servers: Servers
    host: str


def plan_up(facts: Facts, port: int | None) -> UpPlan:
    """The missing steps, in order.

    port: the one the operator asks for; None keeps the remembered one.
    Raises OpsError when it cannot work, before anything was touched.
    """
    for refuse in (refuse_folder, refuse_service, refuse_data, refuse_settings):
        refuse(facts)
    target = _target(facts, installed(facts.programs), port)
    steps = tuple(_steps(facts, target))
    if steps:
        _refuse_full_disk(facts)
    if _starts_platform(steps):
        _refuse_port(facts, target)
    return UpPlan(
        steps, target.host, target.memory.ports, any(isinstance(step, StartSupervisor) for step in steps)
    )


def _target(facts: Facts, programs: Installed, port: int | None) -> _Target:
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
    return _Target(
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
    """Those of the folder; a folder of an older release gets the one it lacks."""
    if not isinstance(facts.secrets, Secrets):
        return facts.spare.secrets
    return replace(facts.secrets, backup=facts.secrets.backup or facts.spare.secrets.backup)


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
        ports[name] = next(spare) if port is None or _is_lost(facts, name, port) else port
    return ports


def _is_lost(facts: Facts, name: str, port: int) -> bool:
    return port in facts.taken and not _is_ours(facts, name, port)


def _is_ours(facts: Facts, name: str, port: int) -> bool:
    holder = facts.taken[port].pid
    ended = {left.pid for left in facts.leftovers if left.name == name}
    part = facts.supervisor.part(name)
    if holder is None:
        return facts.supervisor.runs(name) or bool(ended)
    return holder in ended or (part is not None and holder == part.pid)


def _steps(facts: Facts, target: _Target) -> Iterator[Step]:
    changed = _changed_files(facts, target)
    runs = facts.supervisor.answers
    restart = runs and any(file.path != facts.layout.platform_config for file in changed)
    yield from _end_leftovers(facts)
    if restart:
        yield from (StopPart(name) for name in STOPPING if facts.supervisor.runs(name))
        yield StopSupervisor()
    yield from _prepare(facts, target, changed)
    yield from _start(facts, target, stopped=restart or not runs)
    yield from _serve(facts, target, stopped=restart or not runs, changed=changed)


def _end_leftovers(facts: Facts) -> Iterator[Step]:
    if facts.supervisor.pid is not None and not facts.supervisor.answers:
        yield EndProcess("supervisor", facts.supervisor.pid)
    order = {name: number for number, name in enumerate(("supervisor", *STOPPING))}
    for left in sorted(facts.leftovers, key=lambda left: order[left.name]):
        yield EndProcess(left.name, left.pid)


def _prepare(facts: Facts, target: _Target, changed: tuple[NewFile, ...]) -> Iterator[Step]:
    for folder in facts.abandoned:
        yield RemoveLeftover(folder, "a drill was killed while it worked there")
    folders = tuple(_wrong_folders(facts))
    if folders:
        yield MakeFolders(folders)
    yield from _programs(facts)
    if _remembers_other_ports(facts, target):
        yield Remember(target.memory, _list_ports(target.memory.ports))
    yield from _cluster(facts, target)
    if facts.secrets != target.secrets:
        # After the cluster: a start killed in between finds no passwords and sets them anew.
        yield WriteSecrets(facts.layout.secrets, target.secrets)
    yield from _keys(facts, target)
    if changed:
        yield WriteFiles(changed)


def _programs(facts: Facts) -> Iterator[Step]:
    if facts.service is None:
        return
    programs = installed(facts.programs)
    for wheel in (programs.postgresql, programs.valkey):
        if wheel.copy_name not in facts.copied_programs:
            yield CopyProgram(wheel, facts.layout.programs / wheel.copy_name)


def _cluster(facts: Facts, target: _Target) -> Iterator[Step]:
    layout, cluster = facts.layout, facts.cluster
    if isinstance(cluster, Unreadable):
        return
    programs = postgresql_bin(target.postgresql)
    if cluster.unfinished:
        yield RemoveLeftover(layout.postgresql_unfinished, "an earlier start was stopped while it made this")
    if cluster.major is None:
        yield CreateCluster(
            programs, layout.postgresql_unfinished, layout.postgresql, target.secrets, facts.service
        )
        return
    if cluster.postmaster_name not in (None, "postgres"):
        yield RemoveLeftover(
            layout.postgresql / "postmaster.pid",
            f"it names process {cluster.postmaster_pid}, which is no PostgreSQL",
        )
    if not isinstance(facts.secrets, Secrets):
        yield SetPasswords(programs, layout.postgresql, target.secrets, facts.service)


def _keys(facts: Facts, target: _Target) -> Iterator[Step]:
    """A key pair for the backups; where only the private half is left, the public one is read from it."""
    layout, keys = facts.layout, facts.keys
    if not target.backups.enabled or keys.recipient is not None:
        return
    if isinstance(keys.opens, OpsError):
        raise keys.opens
    if keys.opens is None:
        yield DrawKey(target.backups.key_file, layout.recipient, layout.backup_settings)
    else:
        yield WriteFiles((NewFile(layout.recipient, f"{keys.opens}\n"),))


def _start(facts: Facts, target: _Target, *, stopped: bool) -> Iterator[Step]:
    """Supervisor and servers; a part that gave up, or no longer answers, is started again."""
    if stopped:
        yield StartSupervisor()
    for name in ("postgresql", "valkey"):
        running = not stopped and facts.supervisor.runs(name)
        hung = running and _hangs(facts, name)
        if hung:
            yield StopPart(name)
        if not stopped and (hung or not running):
            yield StartPart(name)
        if not running or not _is_well(facts, name):
            yield AwaitPart(name, LOOPBACK, target.memory.ports[name])


def _serve(facts: Facts, target: _Target, *, stopped: bool, changed: tuple[NewFile, ...]) -> Iterator[Step]:
    """Migrations, sample data, and the platform itself."""
    prints, memory = facts.fingerprints, target.memory
    running = not stopped and facts.supervisor.runs("platform")
    new_code = memory.code != prints.code
    new_settings = any(file.path == facts.layout.platform_config for file in changed)
    restart = running and (new_code or new_settings or _hangs(facts, "platform"))
    if restart:
        yield StopPart("platform")
    if restart or not running:
        yield RunPlatform("migrate", "Migrations", "schema up to date")
        yield SetUpBackups(memory.ports["postgresql"], target.secrets, target.backups.enabled)
    if prints.sample and memory.sample != prints.sample:
        yield RunPlatform("import-sample", "Sample data", "imported")
        memory = replace(memory, sample=prints.sample)
        yield Remember(memory, "the sample data are imported")
    if restart or not running:
        yield StartPart("platform")
    mark = _mark_of_backup(facts, target)
    waits = tuple(_back_up(facts, target, stopped=stopped, changed=memory.backup != mark))
    yield from (step for step in waits if not isinstance(step, AwaitPart))
    if restart or not running or not _is_well(facts, "platform"):
        yield AwaitPart("platform", target.host, memory.ports["platform"])
    yield from (step for step in waits if isinstance(step, AwaitPart))
    if new_code or memory.backup != mark:
        yield Remember(replace(memory, code=prints.code, backup=mark), "the programs that run")


def _back_up(facts: Facts, target: _Target, *, stopped: bool, changed: bool) -> Iterator[Step]:
    """The part that makes the backups; a chart page does not wait for it."""
    if "backup" not in facts.parts:
        return
    running = not stopped and facts.supervisor.runs("backup")
    restart = running and (changed or _hangs(facts, "backup"))
    if restart:
        yield StopPart("backup")
    if restart or not running:
        yield StartPart("backup")
    if restart or not running or not _is_well(facts, "backup"):
        yield AwaitPart("backup", LOOPBACK, target.memory.ports["backup"])


def _mark_of_backup(facts: Facts, target: _Target) -> str | None:
    """Fingerprint of what the part runs with; it reads its settings only when it starts."""
    if "backup" not in facts.parts:
        return None
    ports = [target.memory.ports[name] for name in ("postgresql", "backup")]
    told = (facts.fingerprints.operations, target.backups, ports)
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _is_well(facts: Facts, name: str) -> bool:
    health = facts.health.get(name)
    return health is not None and health.ok


def _hangs(facts: Facts, name: str) -> bool:
    """Whether the part runs for long enough to answer, and does not."""
    health, part = facts.health.get(name), facts.supervisor.part(name)
    if health is None or health.answers or part is None:
        return False
    return part.state == "RUNNING" and facts.now - part.since > PATIENCE_S


def _changed_files(facts: Facts, target: _Target) -> tuple[NewFile, ...]:
    return tuple(file for file in _files(facts, target) if facts.texts.get(file.path) != file.text)


def _files(facts: Facts, target: _Target) -> Iterator[NewFile]:
    layout, servers, secrets, ports = facts.layout, target.servers, target.secrets, target.memory.ports
    cluster, service = layout.postgresql, facts.service
    server = postgresql_settings(ports["postgresql"], target.backups.wal_keep_gib)
    yield NewFile(cluster / "postgresql.conf", server, service)
    yield NewFile(cluster / "pg_hba.conf", postgresql_access(), service)
    yield NewFile(layout.passfile, passfile_text(ports["postgresql"], secrets.backup), service)
    yield NewFile(layout.valkey_config, valkey_settings(layout, ports["valkey"], secrets.valkey), service)
    yield NewFile(layout.supervisor_config, supervisor_settings(layout, servers, target.overrides))
    yield NewFile(layout.platform_config, platform_settings(servers, secrets, target.overrides))


def _wrong_folders(facts: Facts) -> Iterator[NewFolder]:
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
    yield from (NewFolder(path, 0o700) for path in (layout.config, layout.logs, layout.run))
    yield NewFolder(layout.programs, passable)
    yield NewFolder(layout.valkey, 0o700, service)
    yield NewFolder(layout.backup, passable)
    yield from (NewFolder(path, 0o700, service) for path in (layout.spool, layout.manifests))
    yield NewFolder(layout.drills, 0o700)


def _remembers_other_ports(facts: Facts, target: _Target) -> bool:
    return not isinstance(facts.memory, Memory) or facts.memory.ports != target.memory.ports


def _list_ports(ports: Mapping[str, int]) -> str:
    return "ports " + ", ".join(f"{name} {ports[name]}" for name in PARTS if name in ports)


def _starts_platform(steps: tuple[Step, ...]) -> bool:
    return any(isinstance(step, StartPart) and step.name == "platform" for step in steps)


def _refuse_port(facts: Facts, target: _Target) -> None:
    port = target.memory.ports["platform"]
    refuse_address(facts, target.host, port)
    if _is_lost(facts, "platform", port):
        raise PortTakenError(target.host, port, str(facts.taken[port]), facts.spare.ports[-1])


def _refuse_full_disk(facts: Facts) -> None:
    first = isinstance(facts.cluster, Cluster) and facts.cluster.major is None
    need = FIRST_START_BYTES if first else NEXT_START_BYTES
    if facts.folder.free_bytes < need:
        raise DiskFullError(facts.folder.path, facts.folder.free_bytes, need)
