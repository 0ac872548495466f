"""Warnings about the backups: each says why and what to do, and has a runbook. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from stock_ops.archive.plans.spool import SPOOL_BYTES
from stock_ops.backup.plans.retention import CLOCK
from stock_ops.drill.facts.drills import Drill
from stock_ops.kit.errors import megabytes
from stock_ops.local.plans.status import duration
from stock_ops.watch.facts import Standing
from stock_ops.watch.plans.reach import Reach

Kind = Literal[
    "archive-broken",
    "archive-lagging",
    "archive-stopped",
    "backup-damaged",
    "backup-failing",
    "backup-overdue",
    "backup-unverified",
    "clock-jumped",
    "drill-failed",
    "drill-overdue",
    "key-missing",
    "prune-failing",
    "spool-full",
    "storage-nearly-full",
    "storage-same-disk",
    "storage-unreachable",
    "two-writers",
    "wal-kept-for-archive",
]
"""Each names its runbook, docs/runbooks/KIND.md, and an alert in deploy/monitoring/rules/backups.yml."""
KINDS: tuple[Kind, ...] = get_args(Kind)

Severity = Literal["critical", "warning", "info"]
"""As the alert's: act now, look within days, good to know."""
SEVERITIES: dict[Kind, Severity] = {
    "archive-broken": "critical",
    "archive-lagging": "warning",
    "archive-stopped": "warning",
    "backup-damaged": "critical",
    "backup-failing": "warning",
    "backup-overdue": "critical",
    "backup-unverified": "warning",
    "clock-jumped": "warning",
    "drill-failed": "critical",
    "drill-overdue": "warning",
    "key-missing": "critical",
    "prune-failing": "warning",
    "spool-full": "warning",
    "storage-nearly-full": "warning",
    "storage-same-disk": "info",
    "storage-unreachable": "critical",
    "two-writers": "critical",
    "wal-kept-for-archive": "critical",
}

LAG_S = 60.0
"""Twelve times the 5 s that are promised; a restart of a part is over sooner."""
RETAINED_SHARE = 0.5
"""Half of what the server keeps at most: the other half leaves as long again to act."""
BACKUP_AGE = timedelta(hours=36)
"""A day between backups, and half of one for retries, which come at least hourly."""
FIRST_BACKUP_S = 3600.0
"""The first backup begins a minute after the start, and an hour is ample for it."""
TRIES = 2
"""One failure is retried a minute later, and may have been another job on the same storage."""
DRILL_GRACE = timedelta(days=1)
"""A drill waits for its turn behind backups, and is retried at least hourly."""
FIRST_DRILL = timedelta(days=2)
"""The first drill is due a day after the first backup."""
DRILL_RUNS = timedelta(hours=6)
"""A drill without an end is taken to be running for so long; then it was cut off."""
FULLS_FREE = 2
"""So many more full backups must fit: a new one is made before an old one goes, and the data grow."""
_NAMED = 3
"""So many backups are named in a warning; `stockops backup list` names all."""


@dataclass(frozen=True, slots=True)
class BackupWarning:
    """Something to act on."""

    kind: Kind
    why: str
    todo: str

    @property
    def severity(self) -> Severity:
        """How much it hurries."""
        return SEVERITIES[self.kind]


def find_warnings(standing: Standing, reach: Reach, now: datetime) -> tuple[BackupWarning, ...]:
    """All warnings, those that endanger the data first."""
    seen = _Seen(standing, reach, now)
    found = ((kind, look(seen)) for kind, look in _LOOKS.items())
    return tuple(BackupWarning(kind, *told) for kind, told in found if told)


@dataclass(frozen=True, slots=True)
class _Seen:
    standing: Standing
    reach: Reach
    now: datetime


_Found = tuple[str, str] | None


def _archive_broken(seen: _Seen) -> _Found:
    lost = seen.standing.archive.wal_status == "lost" or seen.standing.broken
    if not lost and seen.reach.leads_to_present:
        return None
    last = seen.reach.last
    after = f" after {last:%Y-%m-%d %H:%M:%S}Z" if last else ""
    return (
        "Write-ahead log was lost before it was archived. "
        f"Nothing{after} can be restored until there is a new full backup.",
        "One is made automatically within the hour; to make it now: stockops backup create --full",
    )


def _two_writers(seen: _Seen) -> _Found:
    error = seen.standing.two_writers
    return (error.why, error.todo) if error else None


def _storage_unreachable(seen: _Seen) -> _Found:
    error = seen.standing.unreachable
    return (error.why, error.todo) if error else None


def _backup_damaged(seen: _Seen) -> _Found:
    if not seen.reach.flaws:
        return None
    names = sorted(seen.reach.flaws)
    told = "; ".join(f"{name}: {seen.reach.flaws[name]}" for name in names[:_NAMED])
    more = f"; and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    todo = "Make a new full backup (stockops backup create --full); then look at the storage's disk."
    return f"Backups are damaged: {told}{more}.", todo


def _key_missing(seen: _Seen) -> _Found:
    error = seen.standing.key_flaw
    return (error.why, error.todo) if error else None


def _drill_failed(seen: _Seen) -> _Found:
    ended = [drill for drill in seen.standing.drills if not _runs(drill, seen.now)]
    for command, sabotage in (("stockops drill", False), ("stockops drill --sabotage", True)):
        last = next((drill for drill in reversed(ended) if drill.sabotage == sabotage), None)
        if last and last.outcome != "passed":
            word = "failed" if last.outcome == "failed" else "did not run to its end"
            todo = f"Read its report in backup/drills/{last.id} in the data folder; then repeat it: {command}"
            return f"The last `{command}` ({last.id}) {word}.", todo
    failure = seen.standing.failures.get("drill")
    return (failure.why, failure.todo) if failure and failure.count >= TRIES else None


def _backup_failing(seen: _Seen) -> _Found:
    return _failing(seen, "backup", "Backups")


def _prune_failing(seen: _Seen) -> _Found:
    return _failing(seen, "prune", "Attempts to delete old backups")


def _failing(seen: _Seen, task: str, name: str) -> _Found:
    failure = seen.standing.failures.get(task)
    if failure is None or failure.count < TRIES:
        return None
    return f"{name} have failed {failure.count} times in a row: {failure.why}", failure.todo


def _backup_overdue(seen: _Seen) -> _Found:
    todo = "`stockops logs backup` says why; to make one now: stockops backup create"
    if not seen.reach.backups:
        late = seen.standing.contents is not None and seen.standing.uptime_s > FIRST_BACKUP_S
        return ("There is no backup that could be restored.", todo) if late else None
    age = seen.now - max(backup.mark.at for backup in seen.reach.backups)
    if age <= BACKUP_AGE:
        return None
    return f"The newest backup is {duration(age.total_seconds())} old.", todo


def _wal_kept(seen: _Seen) -> _Found:
    kept, limit = seen.standing.archive.slot_retained_bytes, seen.standing.archive.slot_limit_bytes
    if kept is None or limit is None or kept <= RETAINED_SHARE * limit:
        return None
    return (
        f"PostgreSQL keeps {megabytes(kept)} of write-ahead log that has not been archived yet, "
        f"of {megabytes(limit)} at most; beyond that the chain of backups breaks.",
        "Bring the storage back; or give more time: raise wal_keep_gib in config/backup.toml, "
        "then `stockops up`.",
    )


def _spool_full(seen: _Seen) -> _Found:
    size = seen.standing.archive.spool_bytes
    if size < SPOOL_BYTES:
        return None
    return (
        f"{megabytes(size)} of write-ahead log are waiting for the storage; receiving is paused.",
        "Find out why the storage is slow or unreachable: stockops logs backup",
    )


def _archive_stopped(seen: _Seen) -> _Found:
    if seen.standing.archive.streaming:
        return None
    return (
        f"No write-ahead log is received from the server.{_last_error(seen)}",
        "Check that PostgreSQL runs (stockops status); `stockops logs backup` says more.",
    )


def _archive_lagging(seen: _Seen) -> _Found:
    lag_s = seen.standing.archive.lag_s
    if lag_s is None or lag_s <= LAG_S:
        return None
    return (
        f"The write-ahead log of the last {duration(lag_s)} has not been archived yet.{_last_error(seen)}",
        "Find out why the storage is slow or unreachable: stockops logs backup",
    )


def _storage_nearly_full(seen: _Seen) -> _Found:
    free = seen.standing.free_bytes
    fulls = [backup.stored_bytes for backup in seen.reach.backups if backup.kind == "full"]
    if free is None or not fulls or free >= FULLS_FREE * fulls[-1]:
        return None
    return (
        f"The storage has {megabytes(free)} left; {FULLS_FREE} more full backups take "
        f"{megabytes(FULLS_FREE * fulls[-1])}.",
        "Make room there; or shorten keep_days in config/backup.toml, then: stockops backup prune",
    )


def _drill_overdue(seen: _Seen) -> _Found:
    passed = [one.started_at for one in seen.standing.drills if one.outcome == "passed" and not one.sabotage]
    if passed:
        late = seen.now - passed[-1] > timedelta(days=seen.standing.settings.drill_every_days) + DRILL_GRACE
        told = f"The last drill that passed was {_ago(seen.now, passed[-1])} ago."
    else:
        late = seen.reach.first is not None and seen.now - seen.reach.first > FIRST_DRILL
        told = "No drill has passed yet: no restore has been rehearsed."
    return (told, "Rehearse a restore now: stockops drill") if late else None


def _backup_unverified(seen: _Seen) -> _Found:
    found = seen.standing.contents.verifications if seen.standing.contents else {}
    verified = [found[backup.id].at for backup in seen.reach.backups if backup.id in found]
    if verified:
        late = (
            seen.now - max(verified) > timedelta(days=seen.standing.settings.drill_every_days) + DRILL_GRACE
        )
        told = f"The last successful verification of a backup was {_ago(seen.now, max(verified))} ago."
    else:
        late = seen.reach.first is not None and seen.now - seen.reach.first > FIRST_DRILL
        told = "No backup has been verified yet."
    return (told, "Verify the newest one: stockops backup verify") if late else None


def _clock_jumped(seen: _Seen) -> _Found:
    todo = "Set the clock and keep it right (timedatectl set-ntp true)."
    jump = timedelta(seconds=seen.standing.clock_jump_s)
    if abs(jump) > CLOCK:
        way = "forwards" if jump > timedelta(0) else "backwards"
        return f"The clock of this machine jumped {duration(abs(jump).total_seconds())} {way}.", todo
    ahead = [backup.id for backup in seen.reach.backups if backup.mark.at > seen.now + CLOCK]
    if not ahead:
        return None
    return f"By the clock of this machine, backup {ahead[-1]} is from the future.", todo


def _storage_same_disk(seen: _Seen) -> _Found:
    if not seen.standing.shares_disk:
        return None
    return (
        f"The backups ({seen.standing.where}) are on the same disk as the data: "
        "a failure of that disk destroys both.",
        "Name a folder on another disk, or a bucket, as `storage` in config/backup.toml, then `stockops up`.",
    )


_LOOKS: dict[Kind, Callable[[_Seen], _Found]] = {
    "two-writers": _two_writers,
    "archive-broken": _archive_broken,
    "storage-unreachable": _storage_unreachable,
    "backup-damaged": _backup_damaged,
    "key-missing": _key_missing,
    "wal-kept-for-archive": _wal_kept,
    "backup-failing": _backup_failing,
    "backup-overdue": _backup_overdue,
    "drill-failed": _drill_failed,
    "archive-stopped": _archive_stopped,
    "spool-full": _spool_full,
    "archive-lagging": _archive_lagging,
    "storage-nearly-full": _storage_nearly_full,
    "prune-failing": _prune_failing,
    "drill-overdue": _drill_overdue,
    "backup-unverified": _backup_unverified,
    "clock-jumped": _clock_jumped,
    "storage-same-disk": _storage_same_disk,
}


def _runs(drill: Drill, now: datetime) -> bool:
    return drill.finished_at is None and now - drill.started_at < DRILL_RUNS


def _last_error(seen: _Seen) -> str:
    error = seen.standing.archive.last_error
    return f" The last error: {error}" if error else ""


def _ago(now: datetime, at: datetime) -> str:
    return duration((now - at).total_seconds())
