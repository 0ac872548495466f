"""How fast a restore went here before: by the journals of drills, which restore by the same functions."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stock_ops.kit.layout import Layout
from stock_ops.local.facts.unfinished import journal_file

_STEPS = ("backup", "log", "content", "recovery")


@dataclass(frozen=True, slots=True)
class Pace:
    """One rehearsed restore."""

    at: datetime
    seconds: float
    size_bytes: int
    """Of the files that it brought back."""


def read_pace(layout: Layout) -> Pace | None:
    """The last drill that brought back a backup; None where there was none."""
    try:
        folders = sorted(layout.drills.iterdir(), reverse=True)
    except OSError:
        return None
    for folder in folders:
        try:
            return _pace(json.loads(journal_file(folder).read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _pace(body: dict[str, Any]) -> Pace:
    checks = {check["name"]: check for check in body["checks"]}
    if body["sabotage"] or any(checks[name]["outcome"] != "passed" for name in _STEPS):
        raise ValueError("it brought nothing back")
    seconds = sum(float(checks[name]["seconds"]) for name in _STEPS)
    size = int(checks["backup"]["figures"]["bytes"])
    return Pace(datetime.fromisoformat(body["started_at"]), seconds, size)
