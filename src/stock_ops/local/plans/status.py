"""From observations to one word, an exit code, and the lines of `stockops status`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stock_ops.kit.errors import OpsError, megabytes
from stock_ops.kit.layout import Layout
from stock_ops.kit.typed import Named
from stock_ops.kit.verdict import Verdict, judge, read_findings
from stock_ops.kit.words import duration
from stock_ops.local.facts.condition import Condition, PartCondition
from stock_ops.local.facts.disk import read_disks
from stock_ops.local.facts.health import PartsHealth
from stock_ops.local.facts.local_state import LocalState, PartTrouble
from stock_ops.local.facts.observe import Facts
from stock_ops.local.plans.findings import verdict_of, with_trend
from stock_ops.local.plans.refusals import refuse_data
from stock_ops.local.plans.steps import PART_TITLES, DrawKey, Step

OK, NOT_RUNNING = 0, 3
_URGENT = frozenset(
    {"two-writers", "storage-unreachable", "key-missing", "archive-broken", "storage-same-disk"}
)
COLUMNS = ("Part", "State", "Pid", "Up", "Memory", "Restarts", "Port")


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
    verdict = verdict_for(facts, condition, stopped=state == "stopped")
    well_enough = state == "running" and verdict.state != "critical"
    return Status(
        state=state,
        exit_code=OK if well_enough else NOT_RUNNING,
        rows=tuple(_row(part, now) for part in condition.parts) if state != "stopped" else (),
        lines=tuple(_lines(facts, condition, verdict, state, now)),
        data={
            **_data(facts, condition, state, now),
            **standing_data(events_of(condition), live_of(condition), posts_of(condition)),
            "verdict": verdict.body(Named({"--data": f"{facts.layout.root}"})),
        },
    )


def _named(facts: Facts) -> Named:
    return Named({"--data": f"{facts.layout.root}"})


def verdict_for(facts: Facts, condition: Condition, *, stopped: bool) -> Verdict:
    """That of the part `backup`, with the parts, disks and structure as they are now.

    stopped: nothing runs, so that no part is missing and nothing is known of the backups.
    """
    overview = facts.overview or {}
    local = LocalState(
        troubles=() if stopped else troubles_of(condition.parts, but="backup" if facts.overview else ""),
        disks=with_trend(condition.disks, read_disks(facts.overview)),
        live=condition.live,
        expected=condition.expected,
    )
    told = overview.get("verdict") or ({"findings": overview["warnings"]} if overview else None)
    return verdict_of(told, local, wants_part="backup" in facts.parts and not stopped)


def address(host: str, port: int) -> str:
    """The address to open in a browser."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - only read, to show what opens
    shown = everywhere.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


def places(layout: Layout) -> tuple[tuple[str, str], ...]:
    """Where data, logs and the platform's settings are."""
    return (
        ("Data", str(layout.root)),
        ("Logs", str(layout.logs)),
        ("Settings", str(layout.platform_config)),
    )


def keys_drawn(steps: Sequence[Step]) -> list[tuple[str, str]]:
    """Told once: without this file there are no backups."""
    told = "copy it to another place now; without it the backups cannot be opened"
    return [("Backup key", f"{step.key_file}: {told}") for step in steps if isinstance(step, DrawKey)]


def urgent(overview: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Warnings that make backups useless from their beginning, as far as they are known after a start."""
    found = read_findings(overview.get("verdict")) if overview else ()
    return judge(one for one in found if one.kind in _URGENT).lines()[1:]


def part_state(part: PartCondition) -> tuple[str, str | None]:
    """One word for the part, and the reason when it is not healthy."""
    process, reason = part.process, part.complaint or part.crashes.reason or "unknown"
    if process is None or process.state in {"STOPPED", "EXITED"}:
        return "stopped", None
    if process.state == "FATAL":
        return "failed", f"it ended too often ({reason}); `stockops up` tries again"
    if process.state == "BACKOFF":
        return "failed", f"it ended ({reason}) and is started again"
    if part.health.ok:
        return "healthy", None
    ended = f"; it ended before: {part.complaint}" if part.complaint else ""
    return "unhealthy", f"{part.health.reason}{ended}"


def troubles_of(parts: Sequence[PartCondition], but: str = "") -> tuple[PartTrouble, ...]:
    """The parts that shall run and are not well. but: one that is judged elsewhere."""
    states = ((part.name, *part_state(part)) for part in parts)
    return tuple(
        PartTrouble(name, f"{state}: {reason}" if reason else state)
        for name, state, reason in states
        if state != "healthy" and name != but
    )


def _row(part: PartCondition, now: float) -> tuple[str, ...]:
    size, pid = part.usage, part.process.pid if part.process else None
    return (
        PART_TITLES[part.name],
        part_state(part)[0],
        str(pid) if size and pid else "-",
        duration(now - size.started) if size else "-",
        megabytes(size.own_bytes) if size else "-",
        str(part.crashes.restarts),
        str(part.port) if part.port else "-",
    )


def _remarks(part: PartCondition, now: float) -> Iterator[tuple[str, str]]:
    """Why the part is not healthy, and how it ended last."""
    (state, reason), crashes = part_state(part), part.crashes
    if reason:
        yield PART_TITLES[part.name], f"{state}: {reason}"
    if crashes.restarts and crashes.last is not None:
        times = "once" if crashes.restarts == 1 else f"{crashes.restarts} times"
        ago = duration(now - crashes.last)
        yield PART_TITLES[part.name], f"restarted {times}, last {ago} ago: {crashes.reason}"


def _lines(
    facts: Facts, condition: Condition, verdict: Verdict, state: str, now: float
) -> Sequence[tuple[str, str]]:
    lines = [("State", _headline(facts, state))]
    if state != "stopped" or verdict.findings:
        lines += verdict.lines()
    problem = _problem(facts)
    if problem:
        lines.append(("Problem", f"{problem.why} {problem.todo}"))
    lines += [remark for part in condition.parts for remark in _remarks(part, now) if state != "stopped"]
    if "platform" in condition.ports and state != "stopped":
        lines.append(("Address", address(condition.host, condition.ports["platform"])))
    if state != "stopped":
        lines += standing_lines(events_of(condition), live_of(condition), posts_of(condition))
    lines += places(facts.layout)
    lines.append(("Disk", _disk(facts)))
    lines += backup_lines(facts.overview, now)
    lines += _restore_lines(condition)
    if state != "stopped":
        lines.append(("Memory", f"{megabytes(_memory(condition))} in all, supervisor included"))
    return lines


def standing_lines(
    events: PartsHealth | None, live: PartsHealth | None, posts: PartsHealth | None
) -> Iterator[tuple[str, str]]:
    """How events, live prices and posts stand, where the platform says so."""
    if events:
        yield "Events", events.detail
    if live:
        yield "Live prices", live.detail
    if posts:
        yield "Posts", posts.detail


def standing_data(
    events: PartsHealth | None, live: PartsHealth | None, posts: PartsHealth | None
) -> dict[str, Any]:
    """The same for a program; null where the platform does not say."""
    told = {"events": events, "live": live, "posts": posts}
    return {name: {"ok": one.ok, "detail": one.detail} if one else None for name, one in told.items()}


def events_of(condition: Condition) -> PartsHealth | None:
    """How the events stand, where the platform says so."""
    return next((part.health.events for part in condition.parts if part.health.events), None)


def live_of(condition: Condition) -> PartsHealth | None:
    """How live prices stand, where the platform says so."""
    return next((part.health.live for part in condition.parts if part.health.live), None)


def posts_of(condition: Condition) -> PartsHealth | None:
    """How posts stand, where the platform says so."""
    return next((part.health.posts for part in condition.parts if part.health.posts), None)


def _problem(facts: Facts) -> OpsError | None:
    """The reason why the next start would be refused, whatever runs now."""
    try:
        refuse_data(facts)
    except OpsError as error:
        return error
    return None


def _headline(facts: Facts, state: str) -> str:
    left = ", ".join(f"{left.name} (pid {left.pid})" for left in facts.leftovers)
    if left and facts.supervisor.answers:
        return f"{state}: runs too, but not under the supervisor: {left}; `stockops up` ends it"
    if left or (facts.supervisor.pid and not facts.supervisor.answers):
        return f"{state}: the supervisor is gone or does not answer; still there: {left or 'nothing else'}"
    if state == "stopped":
        known = "nothing runs" if facts.folder.exists else "nothing runs, and there is no data folder yet"
        if facts.stale_pid:
            known = f"the supervisor (pid {facts.stale_pid}) ended unexpectedly; nothing runs"
        return f"stopped: {known}. Start it with: stockops up"
    return state


def backup_lines(overview: Mapping[str, Any] | None, now: float) -> Iterator[tuple[str, str]]:
    """The state of the backups."""
    if overview is None:
        return
    backups, lag_s = overview["backups"], overview["archive"]["lag_s"]
    newest = datetime.fromisoformat(backups[-1]["finished_at"]).timestamp() if backups else now
    told = f"{len(backups)}, the last {duration(now - newest)} ago" if backups else "none yet"
    behind = "unknown" if lag_s is None else duration(lag_s)
    yield "Backups", f"{told}; the log in {overview['storage']['where']} is {behind} behind"
    at = datetime.fromtimestamp(now, UTC)
    yield from (("Copy", copy_line(one, at)) for one in overview.get("copies", ()))


def copy_line(copy: Mapping[str, Any], now: datetime) -> str:
    """One copy of the storage: its backups, its age, how far it is behind."""
    if copy["backups"] is None:
        why = copy["trouble"] or "it was not looked at yet"
        return f"{copy['name']} in {copy['where']}: {why}"
    newest = datetime.fromisoformat(copy["newest_at"]) if copy["newest_at"] else None
    told = f"{copy['backups']}, the last {_ago(newest, now)}" if newest else "no backup yet"
    verified = datetime.fromisoformat(copy["verified_at"]) if copy["verified_at"] else None
    checked = f"verified {_ago(verified, now)}" if verified else "not verified yet"
    lag_s = copy["lag_s"]
    behind = f"; the log is {duration(lag_s)} behind" if lag_s is not None else ""
    trouble = f"; {copy['trouble']}" if copy["trouble"] else ""
    return f"{copy['name']} in {copy['where']}: {told}, {checked}{behind}{trouble}"


def _ago(at: datetime, now: datetime) -> str:
    return f"{duration((now - at).total_seconds())} ago"


def _restore_lines(condition: Condition) -> Iterator[tuple[str, str]]:
    """Traces of restores."""
    if condition.restoring:
        yield "Restore", "unfinished; the same command continues it, a different one starts over"
    if condition.kept:
        size = megabytes(sum(one.size_bytes for one in condition.kept))
        yield "Kept", f"{size} of data that were replaced; look at them: stockops kept list"


def _disk(facts: Facts) -> str:
    return f"{megabytes(facts.folder.free_bytes)} free of {megabytes(facts.folder.total_bytes)}"


def _memory(condition: Condition) -> int:
    sizes = [part.usage for part in condition.parts] + [condition.supervisor]
    return sum(size.own_bytes for size in sizes if size)


def _data(facts: Facts, condition: Condition, state: str, now: float) -> dict[str, Any]:
    running, problem = "platform" in condition.ports and state != "stopped", _problem(facts)
    return {
        "state": state,
        "problem": {"kind": problem.kind, "why": problem.why, "todo": problem.todo} if problem else None,
        "address": address(condition.host, condition.ports["platform"]) if running else None,
        "data": str(facts.layout.root),
        "logs": str(facts.layout.logs),
        "disk": {"free_bytes": facts.folder.free_bytes, "total_bytes": facts.folder.total_bytes},
        "memory_bytes": _memory(condition),
        "supervisor": {"pid": facts.supervisor.pid, "answers": facts.supervisor.answers},
        "leftovers": [{"name": left.name, "pid": left.pid} for left in facts.leftovers],
        "parts": [_part_data(part, now) for part in condition.parts],
        "backups": dict(facts.overview) if facts.overview else None,
        "restoring": condition.restoring,
        "kept": [{"name": one.name, "size_bytes": one.size_bytes} for one in condition.kept],
    }


def _part_data(part: PartCondition, now: float) -> dict[str, Any]:
    size, crashes = part.usage, part.crashes
    return {
        "name": part.name,
        "state": part_state(part)[0],
        "reason": part_state(part)[1],
        "process_state": part.process.state if part.process else None,
        "pid": part.process.pid if part.process else None,
        "port": part.port,
        "uptime_s": round(now - size.started, 1) if size else None,
        "rss_bytes": size.rss_bytes if size else None,
        "memory_bytes": size.own_bytes if size else None,
        "restarts": crashes.restarts,
        "last_end": {"at": crashes.last, "reason": crashes.reason} if crashes.last else None,
    }
