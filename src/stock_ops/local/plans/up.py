"""The steps of `up` that are still missing. A platform that runs as it should needs none."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from stock_ops.kit.errors import DiskFullError, OpsError, PortTakenError
from stock_ops.kit.layout import LOOPBACK, PARTS, STOPPING
from stock_ops.kit.wanted import NewFile
from stock_ops.local.facts.instance import Cluster, Memory, Secrets, Unreadable
from stock_ops.local.facts.observe import Facts
from stock_ops.local.facts.programs import postgresql_bin
from stock_ops.local.plans.refusals import (
    installed,
    refuse_address,
    refuse_data,
    refuse_folder,
    refuse_service,
    refuse_settings,
)
from stock_ops.local.plans.steps import (
    AwaitPart,
    CopyProgram,
    CreateCluster,
    DeriveKey,
    DrawKey,
    EndProcess,
    MakeFolders,
    Remember,
    RemoveLeftover,
    RunPlatform,
    SetPasswords,
    SetUpRoles,
    StartPart,
    StartSupervisor,
    Step,
    StopPart,
    StopSupervisor,
    WriteFiles,
    WriteSecrets,
)
from stock_ops.local.plans.target import Target, changed_files, is_lost, settle, wrong_folders

FIRST_START_BYTES = 768 * 2**20
NEXT_START_BYTES = 96 * 2**20
PATIENCE_S = 30.0
"""A part that runs longer than this, does not answer and does not work either is started again."""
_GETS_ON = 10


@dataclass(frozen=True, slots=True)
class UpPlan:
    """The steps that are missing, and where the platform will answer."""

    steps: tuple[Step, ...]
    host: str
    ports: Mapping[str, int]
    starts_supervisor: bool


def plan_up(facts: Facts, port: int | None) -> UpPlan:
    """The missing steps, in order.

    port: the one the operator asks for; None keeps the remembered one.
    Raises OpsError when it cannot work, before anything was touched.
    """
    for refuse in (refuse_folder, refuse_service, refuse_data, refuse_settings):
        refuse(facts)
    target = settle(facts, installed(facts.programs), port)
    steps = tuple(_steps(facts, target))
    if steps:
        _refuse_full_disk(facts)
    if _starts_platform(steps):
        _refuse_port(facts, target)
    return UpPlan(
        steps, target.host, target.memory.ports, any(isinstance(step, StartSupervisor) for step in steps)
    )


def _steps(facts: Facts, target: Target) -> Iterator[Step]:
    changed = changed_files(facts, target)
    runs = facts.supervisor.answers
    restart = runs and any(not _is_the_platforms(facts, file) for file in changed)
    yield from _end_leftovers(facts)
    if restart:
        yield from (StopPart(name) for name in STOPPING if facts.supervisor.runs(name))
        yield StopSupervisor()
    yield from _prepare(facts, target, changed)
    yield from _start(facts, target, stopped=restart or not runs)
    yield from _serve(facts, target, stopped=restart or not runs, changed=changed)


def _is_the_platforms(facts: Facts, file: NewFile) -> bool:
    """Whether no server reads the file, so that none needs a restart for it."""
    ours = {facts.layout.platform_config, facts.layout.backup_places}
    return file.path in ours or file.path.parent == facts.layout.passwords


def _end_leftovers(facts: Facts) -> Iterator[Step]:
    if facts.supervisor.pid is not None and not facts.supervisor.answers:
        yield EndProcess("supervisor", facts.supervisor.pid)
    order = {name: number for number, name in enumerate(("supervisor", *STOPPING))}
    for left in sorted(facts.leftovers, key=lambda left: order[left.name]):
        yield EndProcess(left.name, left.pid)


def _prepare(facts: Facts, target: Target, changed: tuple[NewFile, ...]) -> Iterator[Step]:
    for folder in facts.abandoned:
        yield RemoveLeftover(folder, "a drill was killed while it worked there")
    folders = tuple(wrong_folders(facts))
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


def _cluster(facts: Facts, target: Target) -> Iterator[Step]:
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
    if not isinstance(facts.secrets, Secrets) or "superuser" in facts.secrets.changing:
        yield SetPasswords(programs, layout.postgresql, target.secrets, facts.service)


def _keys(facts: Facts, target: Target) -> Iterator[Step]:
    """A key pair for the backups; where only the private half is left, the public one is read from it."""
    layout, keys, derive = (
        facts.layout,
        facts.keys,
        DeriveKey(target.backups.key_file, facts.layout.authentication_key),
    )
    if not target.backups.enabled:
        return
    if keys.recipient is not None:
        if keys.authenticates != keys.recipient == keys.opens:
            yield derive
        return
    if isinstance(keys.opens, OpsError):
        raise keys.opens
    if keys.opens is None:
        yield DrawKey(target.backups.key_file, layout.recipient, layout.backup_settings)
    else:
        yield WriteFiles((NewFile(layout.recipient, f"{keys.opens}\n"),))
    yield derive


def _start(facts: Facts, target: Target, *, stopped: bool) -> Iterator[Step]:
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


def _serve(facts: Facts, target: Target, *, stopped: bool, changed: tuple[NewFile, ...]) -> Iterator[Step]:
    """Migrations, sample data, and the platform itself."""
    prints, memory = facts.fingerprints, target.memory
    running = not stopped and facts.supervisor.runs("platform")
    new_code = memory.code != prints.code
    new_settings = any(file.path == facts.layout.platform_config for file in changed)
    restart = running and (new_code or new_settings or _hangs(facts, "platform"))
    if restart:
        yield StopPart("platform")
    if restart or not running:
        yield SetUpRoles(memory.ports["postgresql"], target.secrets, target.backups.enabled)
        yield RunPlatform("migrate", "Migrations", "schema up to date")
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


def _back_up(facts: Facts, target: Target, *, stopped: bool, changed: bool) -> Iterator[Step]:
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


def _mark_of_backup(facts: Facts, target: Target) -> str | None:
    """Fingerprint of the part's code and settings, which it reads only when it starts."""
    if "backup" not in facts.parts:
        return None
    ports = [target.memory.ports[name] for name in ("postgresql", "backup")]
    told = (facts.fingerprints.operations, target.backups, ports)
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _is_well(facts: Facts, name: str) -> bool:
    health = facts.health.get(name)
    return health is not None and health.ok


def _hangs(facts: Facts, name: str) -> bool:
    """Whether the part runs for long enough to answer, and neither does so nor gets on.

    What works is given ten times as long: a slow machine is no mistake, and a stop would begin it all anew.
    """
    health, part = facts.health.get(name), facts.supervisor.part(name)
    if health is None or health.answers or part is None:
        return False
    patience_s = PATIENCE_S * facts.patience * (_GETS_ON if name in facts.getting_on else 1)
    return part.state == "RUNNING" and facts.now - part.since > patience_s


def _remembers_other_ports(facts: Facts, target: Target) -> bool:
    return not isinstance(facts.memory, Memory) or facts.memory.ports != target.memory.ports


def _list_ports(ports: Mapping[str, int]) -> str:
    return "ports " + ", ".join(f"{name} {ports[name]}" for name in PARTS if name in ports)


def _starts_platform(steps: tuple[Step, ...]) -> bool:
    return any(isinstance(step, StartPart) and step.name == "platform" for step in steps)


def _refuse_port(facts: Facts, target: Target) -> None:
    port = target.memory.ports["platform"]
    refuse_address(facts, target.host, port)
    if is_lost(facts, "platform", port):
        raise PortTakenError(target.host, port, str(facts.taken[port]), facts.spare.ports[-1])


def _refuse_full_disk(facts: Facts) -> None:
    first = isinstance(facts.cluster, Cluster) and facts.cluster.major is None
    need = FIRST_START_BYTES if first else NEXT_START_BYTES
    if facts.folder.free_bytes < need:
        raise DiskFullError(facts.folder.path, facts.folder.free_bytes, need)
