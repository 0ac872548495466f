"""The results of drills, read from their journals; those that were cut off included."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from stock_ops.kit.layout import Layout
from stock_ops.local.facts.unfinished import journal_file

Outcome = Literal["passed", "failed", "not_run"]

_ID = re.compile(r"\d{8}T\d{6}Z")


@dataclass(frozen=True, slots=True)
class Drill:
    """One drill, as its journal tells it."""

    id: str
    started_at: datetime
    finished_at: datetime | None
    """None: it still runs, was cut off, or its journal cannot be read."""
    outcome: Outcome
    """A drill that is not known to have passed or failed has not run."""
    rpo_s: float | None
    """Age of the newest heartbeat that was recovered, when the drill began."""
    rto_s: float | None
    """From the start of the restore to the first correct chart."""
    sabotage: bool
    """It damaged copies, and passed only if every damage was found."""


def drill_id(at: datetime) -> str:
    """Name of a drill begun at a time: 20261125T031500Z."""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def is_drill_id(text: str) -> bool:
    """Whether a text has the form of a drill's name."""
    if not _ID.fullmatch(text):
        return False
    try:
        _moment_of(text)
    except ValueError:
        return False
    return True


def report_file(folder: Path) -> Path:
    """The report for people, in a drill's folder."""
    return folder / "report.html"


def read_drills(layout: Layout) -> tuple[Drill, ...]:
    """Every drill there is a folder of, oldest first."""
    try:
        names = sorted(entry.name for entry in layout.drills.iterdir() if is_drill_id(entry.name))
    except OSError:
        return ()
    return tuple(read_drill(layout.drills / name) for name in names)


def read_drill(folder: Path) -> Drill:
    """The drill of a folder; one whose journal makes no sense has not run."""
    try:
        return _drill(folder.name, json.loads(journal_file(folder).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return Drill(folder.name, _moment_of(folder.name), None, "not_run", None, None, sabotage=False)


def _drill(name: str, body: dict[str, Any]) -> Drill:
    outcome, finished = body["outcome"], body["finished_at"]
    if outcome not in get_args(Outcome) or (outcome != "not_run" and finished is None):
        raise ValueError("its outcome is none")
    return Drill(
        id=name,
        started_at=datetime.fromisoformat(body["started_at"]),
        finished_at=datetime.fromisoformat(finished) if finished else None,
        outcome=outcome,
        rpo_s=_seconds(body["rpo_s"]),
        rto_s=_seconds(body["rto_s"]),
        sabotage=bool(body["sabotage"]),
    )


def _seconds(value: float | None) -> float | None:
    return None if value is None else float(value)


def _moment_of(name: str) -> datetime:
    return datetime.strptime(name, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
