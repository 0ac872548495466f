"""The next jobs and their reasons, for people, by the rules of the part that begins them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stock_ops.backup.plans.catalog import Entry
from stock_ops.drill.facts.drills import Drill
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.storage.manifest import Manifest
from stock_ops.watch.plans.schedule import (
    WARM_UP_S,
    Event,
    History,
    Moment,
    next_backup_at,
    next_drill_at,
    next_job,
)


@dataclass(frozen=True, slots=True)
class Due:
    """Something that will be done, when, and why then."""

    what: str
    at: datetime | None
    """None: not before something else was done."""
    why: str


def find_due(
    entries: Sequence[Entry],
    drills: Sequence[Drill],
    settings: BackupSettings,
    now: datetime,
    part: Mapping[str, Any] | None,
) -> tuple[Due, ...]:
    """The next backup and the next drill.

    part: what the running part says of its schedule: it knows what failed and what was lost since. It looks
    at the storage from time to time only; until it has seen the newest backup and drill, our own view counts.
    """
    usable = [entry.manifest for entry in entries if entry.manifest and not entry.flaw]
    passed = [drill for drill in drills if drill.outcome == "passed" and not drill.sabotage]
    history = _history(usable, passed)
    moment = Moment(now, WARM_UP_S)
    part = part if part and _has_seen(part, usable, passed) else None
    backup_at = _told(part, "next_backup_at") or next_backup_at(moment, history, settings)
    drill_at = _told(part, "next_drill_at") or next_drill_at(moment, history, settings)
    job = next_job(Moment(backup_at, WARM_UP_S), history, settings)
    kind = "full backup" if job == "full" else "incremental backup"
    return (
        Due(kind, backup_at, _why_backup(usable, settings, kind)),
        Due("drill", drill_at, _why_drill(usable, passed, settings)),
    )


def _has_seen(part: Mapping[str, Any], usable: Sequence[Manifest], passed: Sequence[Drill]) -> bool:
    newest = {backup.id for backup in usable[-1:]} | {drill.id for drill in passed[-1:]}
    return newest <= {one["id"] for one in (*part["backups"], *part["drills"])}


def _history(usable: Sequence[Manifest], passed: Sequence[Drill]) -> History:
    fulls = [backup for backup in usable if backup.kind == "full"]
    return History(
        started_s=0.0,
        first=Event(usable[0].finished_at) if usable else None,
        backup=Event(usable[-1].finished_at) if usable else None,
        full=Event(fulls[-1].finished_at) if fulls else None,
        drill=Event(passed[-1].started_at) if passed else None,
    )


def _why_backup(usable: Sequence[Manifest], settings: BackupSettings, kind: str) -> str:
    fulls = [backup for backup in usable if backup.kind == "full"]
    if not fulls:
        return "there is no backup yet"
    daily = f"daily at {settings.daily_at:%H:%M} UTC"
    every = f"a full one every {settings.full_every_days} days, the last was {fulls[-1].id}"
    return f"{daily}; {every}" if kind == "full backup" else f"{daily}, on top of {usable[-1].id}; {every}"


def _why_drill(usable: Sequence[Manifest], passed: Sequence[Drill], settings: BackupSettings) -> str:
    if passed:
        return f"every {settings.drill_every_days} days, the last that passed was {passed[-1].id}"
    return "a day after the first backup" if usable else "there is no backup to rehearse with"


def _told(part: Mapping[str, Any] | None, name: str) -> datetime | None:
    text = part["schedule"][name] if part else None
    return datetime.fromisoformat(text) if text else None
