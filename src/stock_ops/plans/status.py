"""From what was observed to one word, an exit code, and the lines of `stockops status`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stock_ops.errors import megabytes
from stock_ops.facts.condition import Condition, PartCondition
from stock_ops.facts.observe import Facts
from stock_ops.layout import Layout
from stock_ops.plans.steps import PART_TITLES

OK, NOT_RUNNING = 0, 3
COLUMNS = ("Part", "State", "Pid", "Up", "Memory", "Restarts", "Address")


@dataclass(frozen=True, slots=True)
class Status:
    """The state of an instance: running, degraded or stopped."""

    state: str
    exit_code: int
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[tuple[str, str], ...]
    data: dict[str, Any]


def assess(facts: Facts, condition: Condition, now: float) -> Status:
    """Judge the condition. Degraded: something runs, but not all of it or not well."""
    alive = [part for part in condition.parts if part.usage]
    well = [part for part in condition.parts if part.health.ok and part.usage]
    if not alive and facts.supervisor.pid is None and not facts.leftovers:
        state = "stopped"
    else:
        state = "running" if len(well) == len(condition.parts) else "degraded"
    return Status(
        state=state,
        exit_code=OK if state == "running" else NOT_RUNNING,
        rows=tuple(_row(part, now) for part in condition.parts) if state != "stopped" else (),
        lines=tuple(_lines(facts, condition, state)),
        data=_data(facts, condition, state, now),
    )


def address(host: str, port: int) -> str:
    """The address to open in a browser."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"


def places(layout: Layout) -> tuple[tuple[str, str], ...]:
    """Where data and logs are."""
    return (("Data", str(layout.root)), ("Logs", str(layout.logs)))


def duration(seconds: float) -> str:
    """A time span for people: its two largest units."""
    left = int(max(0.0, seconds))
    words: list[str] = []
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count or (unit == "s" and not words):
            words.append(f"{count} {unit}")
    return " ".join(words[:2])


def part_state(part: PartCondition) -> str:
    """One word for the part, and the reason when it is not healthy."""
    if part.process is None or part.process.state in {"STOPPED", "EXITED"}:
        return "stopped"
    if part.process.state == "FATAL":
        return "failed: it ended too often; see its log"
    if part.process.state == "BACKOFF":
        return f"failed: ended ({part.crashes.reason or 'unknown'}), is started again"
    return "healthy" if part.health.ok else f"unhealthy: {part.health.reason}"


def _row(part: PartCondition, now: float) -> tuple[str, ...]:
    size, pid = part.usage, part.process.pid if part.process else None
    return (
        PART_TITLES[part.name],
        part_state(part),
        str(pid) if size and pid else "-",
        duration(now - size.started) if size else "-",
        megabytes(size.own_bytes) if size else "-",
        _restarts(part, now),
        str(part.port) if part.port else "-",
    )


def _restarts(part: PartCondition, now: float) -> str:
    crashes = part.crashes
    if not crashes.restarts or crashes.last is None:
        return str(crashes.restarts)
    return f"{crashes.restarts}, last {duration(now - crashes.last)} ago ({crashes.reason})"


def _lines(facts: Facts, condition: Condition, state: str) -> Sequence[tuple[str, str]]:
    lines = [("State", _headline(facts, state))]
    if "platform" in condition.ports and state != "stopped":
        lines.append(("Address", address(condition.host, condition.ports["platform"])))
    lines += places(facts.layout)
    lines.append(("Disk", _disk(facts)))
    if state != "stopped":
        lines.append(("Memory", f"{megabytes(_memory(condition))} in all, supervisor included"))
    return lines


def _headline(facts: Facts, state: str) -> str:
    if facts.leftovers or (facts.supervisor.pid and not facts.supervisor.answers):
        left = ", ".join(f"{left.name} (pid {left.pid})" for left in facts.leftovers)
        return f"{state}: the supervisor is gone or does not answer; still there: {left or 'nothing else'}"
    if state == "stopped":
        known = "nothing runs" if facts.folder.exists else "nothing runs, and there is no data folder yet"
        return f"stopped: {known}. Start it with: stockops up"
    return state


def _disk(facts: Facts) -> str:
    return f"{megabytes(facts.folder.free_bytes)} free of {megabytes(facts.folder.total_bytes)}"


def _memory(condition: Condition) -> int:
    sizes = [part.usage for part in condition.parts] + [condition.supervisor]
    return sum(size.own_bytes for size in sizes if size)


def _data(facts: Facts, condition: Condition, state: str, now: float) -> dict[str, Any]:
    running = "platform" in condition.ports and state != "stopped"
    return {
        "state": state,
        "address": address(condition.host, condition.ports["platform"]) if running else None,
        "data": str(facts.layout.root),
        "logs": str(facts.layout.logs),
        "disk": {"free_bytes": facts.folder.free_bytes, "total_bytes": facts.folder.total_bytes},
        "memory_bytes": _memory(condition),
        "supervisor": {"pid": facts.supervisor.pid, "answers": facts.supervisor.answers},
        "leftovers": [{"name": left.name, "pid": left.pid} for left in facts.leftovers],
        "parts": [_part_data(part, now) for part in condition.parts],
    }


def _part_data(part: PartCondition, now: float) -> dict[str, Any]:
    size, crashes = part.usage, part.crashes
    return {
        "name": part.name,
        "state": part_state(part).split(":")[0],
        "reason": None if part.health.ok else part.health.reason,
        "process_state": part.process.state if part.process else None,
        "pid": part.process.pid if part.process else None,
        "port": part.port,
        "uptime_s": round(now - size.started, 1) if size else None,
        "rss_bytes": size.rss_bytes if size else None,
        "memory_bytes": size.own_bytes if size else None,
        "restarts": crashes.restarts,
        "last_end": {"at": crashes.last, "reason": crashes.reason} if crashes.last else None,
    }
