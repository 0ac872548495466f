"""The steps of `down`, in order: first the platform, then its servers."""

from collections.abc import Iterator

from stock_ops.kit.layout import STOPPING
from stock_ops.local.facts.part import PartMemory
from stock_ops.local.facts.processes import Leftover, Supervisor
from stock_ops.local.plans.steps import EndProcess, Step, StopPart, StopSupervisor


def plan_down(supervisor: Supervisor, leftovers: tuple[Leftover, ...]) -> tuple[Step, ...]:
    """The steps that stop everything; none when nothing runs. Data are kept."""
    return tuple(_steps(supervisor, leftovers))


def archive_trouble(steps: tuple[Step, ...], memory: PartMemory) -> str | None:
    """The log that the part `backup`, which the steps have ended, could not archive any more.

    memory: of the part, after its end.
    """
    ended = any(isinstance(step, StopPart | EndProcess) and step.name == "backup" for step in steps)
    if not ended or memory.is_whole:
        return None
    at = memory.shipped_at
    log = f"the write-ahead log after {at:%Y-%m-%d %H:%M:%S}Z" if at else "the newest write-ahead log"
    return f"{log} has not been archived yet; keep the data folder, the next start archives it"


def _steps(supervisor: Supervisor, leftovers: tuple[Leftover, ...]) -> Iterator[Step]:
    if supervisor.answers:
        yield from (StopPart(name) for name in STOPPING if _lives(supervisor, name))
        yield StopSupervisor()
    elif supervisor.pid is not None:
        yield EndProcess("supervisor", supervisor.pid)
    order = {name: number for number, name in enumerate(("supervisor", *STOPPING))}
    for left in sorted(leftovers, key=lambda left: order[left.name]):
        yield EndProcess(left.name, left.pid)


def _lives(supervisor: Supervisor, name: str) -> bool:
    part = supervisor.part(name)
    return part is not None and part.state in {"STARTING", "RUNNING", "BACKOFF", "STOPPING"}
