"""How an instance is doing: each part with its process, its memory, its crashes and its health."""

from dataclasses import dataclass

from stock_ops.local.facts.health import Health
from stock_ops.local.facts.instance import Memory
from stock_ops.local.facts.journal import Crashes, read_crashes
from stock_ops.local.facts.kept import Kept, read_kept
from stock_ops.local.facts.observe import Facts, public_host
from stock_ops.local.facts.processes import Part, Usage, usage


@dataclass(frozen=True, slots=True)
class PartCondition:
    """One part as it is now."""

    name: str
    process: Part | None
    port: int | None
    usage: Usage | None
    crashes: Crashes
    health: Health


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


def observe_condition(facts: Facts) -> Condition:
    """Look at every part."""
    crashes = read_crashes(facts.layout)
    ports = facts.memory.ports if isinstance(facts.memory, Memory) else {}
    pid = facts.supervisor.pid
    return Condition(
        parts=tuple(
            _part(facts, name, ports.get(name), crashes.get(name, Crashes())) for name in facts.parts
        ),
        supervisor=_own_usage(pid) if pid else None,
        host=public_host(facts.overrides),
        ports=dict(ports),
        kept=read_kept(facts.layout),
        restoring=facts.layout.restore.exists(),
    )


def _part(facts: Facts, name: str, port: int | None, crashes: Crashes) -> PartCondition:
    process = facts.supervisor.part(name)
    size = usage(process.pid) if process and process.pid else None
    health = facts.health.get(name) or Health(False, "not running", answers=False)
    return PartCondition(name, process, port, size, crashes, health)


def _own_usage(pid: int) -> Usage | None:
    """Memory of the supervisor without its children, which are counted as parts."""
    return usage(pid, with_children=False)
