"""When a backup, a prune and a drill are due. Pure; a clock that jumps brings no storm and no year without.

Two clocks are asked. The wall clock says which day it is, and may jump either way. The steady one only goes
forward, but means nothing in another process. An age is the steady one where that is known; else the wall
clock's, and an event that this puts into the future is taken to be long ago: one job too many, not too few.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from stock_ops.backup.plans.creation import EARLY_S
from stock_ops.kit.backup_settings import BackupSettings

Job = Literal["full", "incr", "prune", "drill"]
Task = Literal["backup", "prune", "drill"]

WARM_UP_S = 60.0
"""Nothing begins sooner after a start: it would compete with the start itself."""
LEAST_S = 6 * 3600.0
"""No two daily backups are closer, whatever the wall clock does."""
LEAST_BROKEN_S = 3600.0
"""No two full backups are closer, however often the chain breaks."""
_DAY_S = 86_400.0
_FIRST_RETRY_S, _LAST_RETRY_S = 60.0, 3600.0


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, by both clocks: UTC, and seconds that only grow."""

    wall: datetime
    steady_s: float


@dataclass(frozen=True, slots=True)
class Event:
    """A job that ended well; the steady clock is known only of those of this process."""

    at: datetime
    steady_s: float | None = None


@dataclass(frozen=True, slots=True)
class Tries:
    """Failures of a task in a row, and when the last one ended by the steady clock."""

    failures: int
    last_s: float


@dataclass(frozen=True, slots=True)
class History:
    """Jobs done so far. `first` is the oldest known backup."""

    started_s: float
    first: Event | None = None
    backup: Event | None = None
    full: Event | None = None
    drill: Event | None = None
    prune_wanted: bool = False
    broken: bool = False
    """Write-ahead log is lost: only a new full backup makes a chain again."""
    tries: Mapping[Task, Tries] = field(default_factory=dict)


def next_job(now: Moment, history: History, settings: BackupSettings) -> Job | None:
    """The job to begin now; None when none is due."""
    if now.steady_s - history.started_s < WARM_UP_S:
        return None
    if _may_try(now, history, "backup") and (kind := _backup(now, history, settings)):
        return kind
    if history.prune_wanted and _may_try(now, history, "prune"):
        return "prune"
    return "drill" if _may_try(now, history, "drill") and _drill(now, history, settings) else None


def next_backup_at(now: Moment, history: History, settings: BackupSettings) -> datetime:
    """When the next backup begins, by the wall clock, if all goes well."""
    if _backup(now, history, settings):
        return now.wall
    return _slot(now.wall, settings) + timedelta(days=1)


def next_drill_at(now: Moment, history: History, settings: BackupSettings) -> datetime | None:
    """When the next drill begins; None before there is a backup."""
    base = history.drill or history.first
    if base is None:
        return None
    every_s = settings.drill_every_days * _DAY_S if history.drill else _DAY_S
    return now.wall + timedelta(seconds=max(0.0, every_s - _age_s(now, base)))


def _backup(now: Moment, history: History, settings: BackupSettings) -> Job | None:
    if history.backup is None or history.full is None:
        return "full"
    if history.broken:
        return "full" if _since_s(now, history.full) >= LEAST_BROKEN_S else None
    if not _is_daily_due(now, history.backup, settings):
        return None
    return "full" if _age_s(now, history.full) >= settings.full_every_days * _DAY_S - EARLY_S else "incr"


def _is_daily_due(now: Moment, last: Event, settings: BackupSettings) -> bool:
    if last.steady_s is not None:
        elapsed = now.steady_s - last.steady_s
        if elapsed < LEAST_S or elapsed >= _DAY_S:
            return elapsed >= _DAY_S
    return not _slot(now.wall, settings) <= last.at <= now.wall


def _drill(now: Moment, history: History, settings: BackupSettings) -> bool:
    due = next_drill_at(now, history, settings)
    return due is not None and due <= now.wall


def _slot(wall: datetime, settings: BackupSettings) -> datetime:
    """The last time of day at which a backup was to begin."""
    today = wall.replace(
        hour=settings.daily_at.hour, minute=settings.daily_at.minute, second=0, microsecond=0
    )
    return today if today <= wall else today - timedelta(days=1)


def _age_s(now: Moment, event: Event) -> float:
    if event.steady_s is not None:
        return now.steady_s - event.steady_s
    age = (now.wall - event.at).total_seconds()
    return age if age >= 0 else float("inf")


def _since_s(now: Moment, event: Event) -> float:
    """Seconds since an event of this process; one of another process is long ago."""
    return now.steady_s - event.steady_s if event.steady_s is not None else float("inf")


def _may_try(now: Moment, history: History, task: Task) -> bool:
    tries = history.tries.get(task)
    if tries is None or not tries.failures:
        return True
    wait_s = min(_FIRST_RETRY_S * 2.0 ** min(tries.failures - 1, 10), _LAST_RETRY_S)
    return now.steady_s - tries.last_s >= wait_s
