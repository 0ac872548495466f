"""Crashes and restarts, from the supervisor's own log."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from stock_ops.kit.layout import Layout

_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d{3} \w+ (.*)")
_STARTED = re.compile(r"supervisord started with pid")
_SPAWNED = re.compile(r"spawned: '(\w+)' with pid \d+")
_EXITED = re.compile(r"exited: (\w+) \((.*?)(?:; (?:not )?expected)?\)$")
_GENERATIONS = 3


@dataclass(frozen=True, slots=True)
class Crashes:
    """How often a part ended by itself and was started again since the supervisor started."""

    ends: int = 0
    restarts: int = 0
    last: float | None = None
    """Epoch seconds of the last end."""
    reason: str | None = None


def read_crashes(layout: Layout) -> dict[str, Crashes]:
    """The crashes of each part, from the supervisor's log and its older generations."""
    log = layout.log("supervisor")
    older = [log.with_name(f"{log.name}.{number}") for number in range(_GENERATIONS, 0, -1)]
    return parse_crashes(line for path in (*older, log) for line in _lines(path))


def parse_crashes(lines: Iterable[str]) -> dict[str, Crashes]:
    """The crashes of each part since the last start of the supervisor that these lines tell of."""
    found: dict[str, Crashes] = {}
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            continue
        if _STARTED.match(match[2]):
            found = {}
        else:
            _count(found, match[1], match[2])
    return found


def _count(found: dict[str, Crashes], time: str, text: str) -> None:
    if exited := _EXITED.match(text):
        before = found.get(exited[1], Crashes())
        found[exited[1]] = Crashes(before.ends + 1, before.restarts, _epoch(time), exited[2])
    elif spawned := _SPAWNED.match(text):
        before = found.get(spawned[1], Crashes())
        found[spawned[1]] = replace(before, restarts=before.ends)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _epoch(local: str) -> float:
    return datetime.strptime(local, "%Y-%m-%d %H:%M:%S").astimezone().timestamp()
