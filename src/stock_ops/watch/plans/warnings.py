"""Warnings about the backups: each says why and what to do, and has a runbook. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from stock_ops.archive.plans.spool import SPOOL_BYTES
from stock_ops.backup.plans.retention import CLOCK
from stock_ops.backup.plans.shrinkage import tables_shrunk
from stock_ops.drill.facts.drills import Drill
from stock_ops.kit.errors import megabytes
from stock_ops.kit.verdict import Finding, Kind, finding
from stock_ops.kit.words import duration
from stock_ops.local.plans.findings import disk_filling, disk_full, part_down, structure_changed
from stock_ops.storage.authority import ForgedObjectError
from stock_ops.watch.facts import Standing
from stock_ops.watch.plans.reach import Reach

LAG_S = 60.0
"""Twelve times the 5 s that are promised; a restart of a part is over sooner."""
COPY_LAG_S = 900.0
"""A copy lies farther away, and a full backup may be on its way there."""
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


def find_warnings(standing: Standing, reach: Reach, now: datetime) -> tuple[Finding, ...]:
    """All warnings, those that endanger the data first."""
    seen = _Seen(standing, reach, now)
    found = ((kind, look(seen)) for kind, look in _LOOKS.items())
    return tuple(finding(kind, *told) for kind, told in found if told)


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
    return (error.why, error.todo) if error and not isinstance(error, ForgedObjectError) else None


def _backup_forged(seen: _Seen) -> _Found:
    error = seen.standing.unreachable
    if isinstance(error, ForgedObjectError):
        return error.why, error.todo
    if seen.standing.contents is None:
        return None
    archive = seen.standing.contents.archive
    findings = [*archive.findings, *([f"{archive.lost_end}, is missing"] if archive.lost_end else [])]
    if not findings:
        return None
    more = f"; and {len(findings) - _NAMED} more" if len(findings) > _NAMED else ""
    return (
        f"Somebody else changed the storage: {'; '.join(findings[:_NAMED])}{more}.",
        "Find out who can write there, and make a new full backup: stockops backup create --full",
    )


def _backup_unproven(seen: _Seen) -> _Found:
    """Old backups are nobody's fault; that the newest one is unproven must end."""
    contents, backups = seen.standing.contents, seen.reach.backups
    why = contents.archive.unproven.get(backups[-1].id) if contents and backups else None
    if why is None:
        return None
    return (
        f"Nothing proves that this instance made the newest backup, {backups[-1].id}: {why}.",
        "Put the private key in its place (key_file), then `stockops up`; "
        "the next full backup is proven: `stockops backup create --full`.",
    )


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
    """The last one that ran to a result; a later one that could not begin takes nothing of that back."""
    for command, drills in _last_drills(seen):
        last = next((drill for drill in drills if drill.outcome != "not_run"), None)
        if last and last.outcome == "failed":
            return f"The last `{command}` ({last.id}) failed.", _read_report(last, command)
    return None


def _drill_not_run(seen: _Seen) -> _Found:
    for command, drills in _last_drills(seen):
        last = next(iter(drills), None)
        if last and last.outcome == "not_run":
            why = f"The last `{command}` ({last.id}) was not run to its end: it neither passed nor failed."
            return why, _read_report(last, command)
    failure = seen.standing.failures.get("drill")
    return (
        (failure.why, failure.todo)
        if failure and failure.count >= TRIES and not _drill_failed(seen)
        else None
    )


def _last_drills(seen: _Seen) -> Iterator[tuple[str, list[Drill]]]:
    """Those of each kind that do not run now, the last one first, with what repeats it."""
    ended = [drill for drill in reversed(seen.standing.drills) if not _runs(drill, seen.now)]
    yield "stockops drill", [drill for drill in ended if not drill.sabotage]
    yield "stockops drill --sabotage", [drill for drill in ended if drill.sabotage]


def _read_report(drill: Drill, command: str) -> str:
    return f"Read its report in backup/drills/{drill.id} in the data folder; then repeat it: {command}"


def _backup_missing(seen: _Seen) -> _Found:
    gone = seen.standing.gone
    if not gone:
        return None
    return (
        f"{gone} was in {seen.standing.where} and is gone; no prune of this instance deletes the newest.",
        "Find out who deleted it, and put it back if there is a copy; else make a full backup: "
        "stockops backup create --full",
    )


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


def _copy_damaged(seen: _Seen) -> _Found:
    found = [
        f"{copy.name}: {name}, {flaw}"
        for copy in seen.standing.copies
        for name, flaw in sorted(copy.flaws.items())
    ]
    if not found:
        return None
    return (
        f"Backups in a copy are damaged: {'; '.join(found[:_NAMED])}.",
        "Make a new full backup (stockops backup create --full), which is shipped there; then look at the "
        "storage of the copy.",
    )


def _copy_failing(seen: _Seen) -> _Found:
    found = next((copy for copy in seen.standing.copies if copy.trouble), None)
    if found is None or found.trouble is None:
        return None
    return f"Copy {found.name}: {found.trouble.why} The first storage goes on.", found.trouble.todo


def _copy_lagging(seen: _Seen) -> _Found:
    found = next((copy for copy in seen.standing.copies if (copy.lag_s or 0.0) > COPY_LAG_S), None)
    if found is None:
        return None
    return (
        f"Copy {found.name} is {duration(found.lag_s or 0.0)} behind: if the first storage is lost now, that "
        "is lost, too.",
        "Find out why the copy is slow or unreachable: stockops logs backup",
    )


def _copy_unverified(seen: _Seen) -> _Found:
    every = timedelta(days=seen.standing.settings.drill_every_days) + DRILL_GRACE
    for copy in seen.standing.copies:
        verified = copy.contents.verifications.values() if copy.contents else ()
        last = max((one.at for one in verified), default=None)
        since = last or (copy.usable[0].finished_at if copy.usable else seen.now)
        if seen.now - since > (every if last else FIRST_DRILL):
            told = f"was last {_ago(seen.now, last)} ago" if last else "never was"
            todo = f"Verify its newest backup: stockops backup verify --copy {copy.name}"
            return f"The last successful verification of copy {copy.name} {told}.", todo
    return None


def _storage_locked(seen: _Seen) -> _Found:
    counts = [(seen.standing.where, seen.standing.locked_objects)]
    counts += [(copy.where, copy.locked_objects) for copy in seen.standing.copies]
    told = [f"{count} in {where}" for where, count in counts if count]
    if not told:
        return None
    return (
        f"Objects that are kept no longer are held by the storage's object lock: {', '.join(told)}.",
        "Nothing to do: they go with the first prune after their retention.",
    )


def _storage_unfenced(seen: _Seen) -> _Found:
    if seen.standing.traits.keeps_first is not False:
        return None
    return (
        f"{seen.standing.where} knows no conditional writes: two instances that write there by mistake stop "
        "each other within seconds, not at once.",
        "Start a copy of the data folder only after `stockops backup writer new-line` or `stop` in it.",
    )


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
    "part-down": lambda seen: part_down(seen.standing.local.troubles),
    "disk-full": lambda seen: disk_full(seen.standing.local.disks, seen.standing.local.troubles),
    "structure-changed": lambda seen: structure_changed(
        seen.standing.local.live, seen.standing.local.expected
    ),
    "archive-broken": _archive_broken,
    "storage-unreachable": _storage_unreachable,
    "backup-forged": _backup_forged,
    "backup-damaged": _backup_damaged,
    "backup-missing": _backup_missing,
    "key-missing": _key_missing,
    "wal-kept-for-archive": _wal_kept,
    "backup-failing": _backup_failing,
    "backup-overdue": _backup_overdue,
    "drill-failed": _drill_failed,
    "archive-stopped": _archive_stopped,
    "spool-full": _spool_full,
    "archive-lagging": _archive_lagging,
    "disk-filling": lambda seen: disk_filling(seen.standing.local.disks, seen.standing.local.troubles),
    "tables-shrunk": lambda seen: tables_shrunk(seen.reach.backups, seen.now),
    "copy-damaged": _copy_damaged,
    "copy-failing": _copy_failing,
    "copy-lagging": _copy_lagging,
    "storage-nearly-full": _storage_nearly_full,
    "prune-failing": _prune_failing,
    "drill-not-run": _drill_not_run,
    "drill-overdue": _drill_overdue,
    "backup-unverified": _backup_unverified,
    "backup-unproven": _backup_unproven,
    "copy-unverified": _copy_unverified,
    "clock-jumped": _clock_jumped,
    "storage-locked": _storage_locked,
    "storage-unfenced": _storage_unfenced,
    "storage-same-disk": _storage_same_disk,
}


def _runs(drill: Drill, now: datetime) -> bool:
    return drill.finished_at is None and now - drill.started_at < DRILL_RUNS


def _last_error(seen: _Seen) -> str:
    error = seen.standing.archive.last_error
    return f" The last error: {error}" if error else ""


def _ago(now: datetime, at: datetime) -> str:
    return duration((now - at).total_seconds())
