"""How an instance is doing: each part with its process, its memory, its crashes and its health."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stock_ops.kit.layout import Layout
from stock_ops.kit.words import last_complaint
from stock_ops.local.facts.disk import Disk, observe_disks
from stock_ops.local.facts.health import Health, ask
from stock_ops.local.facts.instance import Memory, read_memory
from stock_ops.local.facts.journal import Crashes, read_crashes
from stock_ops.local.facts.kept import Kept, read_kept
from stock_ops.local.facts.observe import Facts, door_of, public_host
from stock_ops.local.facts.processes import Part, Supervisor, Usage, observe_supervisor, usage
from stock_ops.local.facts.structure import Structure, expected_structure, observe_structure


@dataclass(frozen=True, slots=True)
class PartCondition:
    """One part as it is now."""

    name: str
    process: Part | None
    port: int | None
    usage: Usage | None
    crashes: Crashes
    health: Health
    complaint: str | None = None
    """The line of its log by which it ended, where it does not run."""


@dataclass(frozen=True, slots=True)
class Condition:
    """All parts and their supervisor."""

    parts: tuple[PartCondition, ...]
    supervisor: Usage | None
    host: str
    ports: dict[str, int]
    kept: tuple[Kept, ...] = ()
    """Old data that restores have replaced."""
    restoring: bool = False
    """A restore has begun and has not come to its end."""
    disks: tuple[Disk, ...] = ()
    live: Structure | None = None
    """Of the database; None where it cannot be asked."""
    expected: Structure | None = None
    """What the migrations make."""


def observe_condition(facts: Facts) -> Condition:
    """Look at every part."""
    ports = facts.memory.ports if isinstance(facts.memory, Memory) else {}
    pid = facts.supervisor.pid
    return Condition(
        parts=_parts(facts.layout, facts.supervisor, facts.health, facts.parts, ports),
        supervisor=_own_usage(pid) if pid else None,
        host=public_host(facts.overrides),
        ports=dict(ports),
        kept=read_kept(facts.layout),
        restoring=facts.layout.restore.exists(),
        disks=observe_disks(facts.layout),
        live=observe_structure(facts.layout) if facts.supervisor.runs("postgresql") else None,
        expected=expected_structure(),
    )


def observe_parts(layout: Layout, names: Sequence[str]) -> tuple[PartCondition, ...]:
    """Look at some parts, and nothing else; none while the supervisor does not answer."""
    supervisor, memory = observe_supervisor(layout), read_memory(layout)
    if not supervisor.answers or not isinstance(memory, Memory):
        return ()
    doors = {name: door_of(layout, name, port) for name, port in memory.ports.items() if name in names}
    health = {name: ask(door) for name, door in doors.items() if supervisor.runs(name)}
    return _parts(layout, supervisor, health, names, memory.ports)


def _parts(
    layout: Layout,
    supervisor: Supervisor,
    health: Mapping[str, Health],
    names: Sequence[str],
    ports: Mapping[str, int],
) -> tuple[PartCondition, ...]:
    crashes = read_crashes(layout)
    return tuple(
        _part(
            layout,
            name,
            supervisor.part(name),
            ports.get(name),
            crashes.get(name, Crashes()),
            health.get(name) or Health(False, "not running", answers=False),
        )
        for name in names
    )


def _part(
    layout: Layout, name: str, process: Part | None, port: int | None, crashes: Crashes, health: Health
) -> PartCondition:
    size = usage(process.pid) if process and process.pid else None
    ended = process is not None and process.state in {"BACKOFF", "FATAL", "EXITED"}
    complaint = last_complaint(_tail(layout.log(name))) if ended or (crashes.ends and not health.ok) else None
    return PartCondition(name, process, port, size, crashes, health, complaint)


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


_TAIL_BYTES = 16 * 2**10


def _own_usage(pid: int) -> Usage | None:
    """Memory of the supervisor without its children, which are counted as parts."""
    return usage(pid, with_children=False)
