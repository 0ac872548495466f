"""From the containers to one word, an exit code, and the lines of `stockops status`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stock_ops.compose.facts.containers import Container
from stock_ops.compose.facts.standing import Standing
from stock_ops.compose.plans.services import TITLES
from stock_ops.kit.errors import megabytes
from stock_ops.kit.layout import Layout
from stock_ops.kit.typed import Named
from stock_ops.kit.verdict import Finding, Verdict, finding, judge, read_findings
from stock_ops.kit.words import duration
from stock_ops.local.facts.folder import Folder
from stock_ops.local.plans.status import (
    NOT_RUNNING,
    OK,
    address,
    backup_lines,
    standing_data,
    standing_lines,
)

COLUMNS = ("Part", "State", "Pid", "Up", "Memory", "Restarts", "Port")


def verdict_for(
    expected: Sequence[str],
    containers: Mapping[str, Container],
    overview: Mapping[str, Any] | None,
    *,
    stopped: bool,
) -> Verdict:
    """That of the part `backup`, with the containers as they are now. Stopped: nothing is missing."""
    known = (one for one in read_findings((overview or {}).get("verdict")) if one.kind != "part-down")
    ill = [] if stopped else [name for name in expected if part_state(containers.get(name))[0] != "healthy"]
    return judge(_down(ill, containers), known)


def _down(names: Sequence[str], containers: Mapping[str, Container]) -> Iterator[Finding]:
    if names:
        told = "; ".join(f"{TITLES[name]} is {_state(containers.get(name))}" for name in names)
        todo = f"`stockops logs {names[0]}` says more; `stockops up` starts what does not run."
        yield finding("part-down", f"{told}.", todo)


def _state(container: Container | None) -> str:
    state, reason = part_state(container)
    return f"{state}: {reason}" if reason else state


@dataclass(frozen=True, slots=True)
class Status:
    """The state of an instance: running, degraded or stopped."""

    state: str
    exit_code: int
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[tuple[str, str], ...]
    data: dict[str, Any]


def assess(
    layout: Layout,
    folder: Folder,
    expected: Sequence[str],
    containers: Mapping[str, Container],
    overview: Mapping[str, Any] | None,
    standing: Standing,
    now: float,
) -> Status:
    """Judge the containers of the services that shall run. Degraded: not all of them, or not well."""
    alive = [name for name in expected if name in containers and containers[name].runs]
    well = [name for name in alive if containers[name].is_well]
    state = "stopped" if not alive else "running" if len(well) == len(expected) else "degraded"
    parts = [_part(name, containers.get(name), now) for name in expected]
    verdict = verdict_for(expected, containers, overview, stopped=state == "stopped")
    return Status(
        state,
        OK if state == "running" and verdict.state != "critical" else NOT_RUNNING,
        tuple(_row(name, containers.get(name), now) for name in expected) if state != "stopped" else (),
        (*_lines(layout, folder, state, parts, containers, overview, standing, now), *verdict.lines()),
        {
            **_data(layout, folder, state, parts, containers, overview),
            **standing_data(standing.events, standing.live, standing.posts),
            "verdict": verdict.body(Named({"--data": f"{layout.root}"})),
        },
    )


def part_state(container: Container | None) -> tuple[str, str | None]:
    """One word for a service, and the reason when it is not healthy."""
    if container is None or container.status in {"created", "removing"}:
        return "stopped", None
    if container.status == "restarting":
        return "failed", f"it ended with {container.exit_code} and is started again"
    if not container.runs:
        ended_well = container.exit_code in _ENDED_WELL
        return ("stopped", None) if ended_well else ("failed", f"it ended with {container.exit_code}")
    return ("healthy", None) if container.health.ok else ("unhealthy", container.health.reason)


_ENDED_WELL = frozenset({0, 130, 143})
"""Java and shells end so when they are told to."""


def where(containers: Mapping[str, Container]) -> str | None:
    """The address to open in a browser."""
    gateway = containers.get("gateway")
    if gateway is None or gateway.port is None or gateway.host is None:
        return None
    return address(gateway.host, gateway.port)


def _row(name: str, container: Container | None, now: float) -> tuple[str, ...]:
    size = container.usage if container else None
    started = container.started if container and container.runs else None
    return (
        TITLES[name],
        part_state(container)[0],
        str(container.pid) if container and container.runs and container.pid else "-",
        duration(now - started) if started else "-",
        megabytes(size.own_bytes) if size else "-",
        str(container.restarts) if container else "0",
        str(container.port) if container and container.port else "-",
    )


def _lines(
    layout: Layout,
    folder: Folder,
    state: str,
    parts: Sequence[Mapping[str, Any]],
    containers: Mapping[str, Container],
    overview: Mapping[str, Any] | None,
    standing: Standing,
    now: float,
) -> list[tuple[str, str]]:
    told = "stopped: nothing runs. Start it with: stockops up" if state == "stopped" else state
    lines = [("State", told)]
    if state != "stopped":
        lines += [(TITLES[one["name"]], f"{one['state']}: {one['reason']}") for one in parts if one["reason"]]
        lines += [(TITLES[one["name"]], "stopped") for one in parts if one["state"] == "stopped"]
        if opens := where(containers):
            lines.append(("Address", opens))
        lines += standing_lines(standing.events, standing.live, standing.posts)
    lines += places(layout)
    lines.append(("Disk", f"{megabytes(folder.free_bytes)} free of {megabytes(folder.total_bytes)}"))
    lines += backup_lines(overview, now)
    if state != "stopped":
        lines.append(("Memory", f"{megabytes(_memory(containers))} in all"))
    return lines


def places(layout: Layout) -> list[tuple[str, str]]:
    """Where settings and secrets are; data and logs are the containers'."""
    return [("Data", f"{layout.root} (settings and secrets; the data are in volumes)")]


def _memory(containers: Mapping[str, Container]) -> int:
    return sum(one.usage.own_bytes for one in containers.values() if one.usage)


def _data(
    layout: Layout,
    folder: Folder,
    state: str,
    parts: Sequence[Mapping[str, Any]],
    containers: Mapping[str, Container],
    overview: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """As on the target local; what has no meaning here is null."""
    return {
        "state": state,
        "problem": None,
        "address": where(containers) if state != "stopped" else None,
        "data": str(layout.root),
        "logs": None,
        "disk": {"free_bytes": folder.free_bytes, "total_bytes": folder.total_bytes},
        "memory_bytes": _memory(containers),
        "supervisor": None,
        "leftovers": [],
        "parts": list(parts),
        "backups": dict(overview) if overview else None,
        "restoring": False,
        "kept": [],
    }


def _part(name: str, container: Container | None, now: float) -> dict[str, Any]:
    (state, reason), size = part_state(container), container.usage if container else None
    runs = container is not None and container.runs
    ended = container.finished if container and (container.restarts or not runs) else None
    return {
        "name": name,
        "state": state,
        "reason": reason,
        "process_state": container.status if container else None,
        "pid": container.pid if container and runs else None,
        "port": container.port if container else None,
        "uptime_s": round(now - container.started, 1) if container and runs and container.started else None,
        "rss_bytes": size.rss_bytes if size else None,
        "memory_bytes": size.own_bytes if size else None,
        "restarts": container.restarts if container else 0,
        "last_end": {"at": ended, "reason": f"exit code {container.exit_code}"}
        if container and ended
        else None,
    }
