"""Builders of how backups stand: all is well, one thing is wrong, just not wrong yet, everything is wrong."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from stock_ops.archive.facts.state import ArchiveState
from stock_ops.archive.plans.spool import SPOOL_BYTES
from stock_ops.backup.plans.retention import CLOCK
from stock_ops.drill.facts.drills import Drill, Outcome, drill_id
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.verdict import Kind
from stock_ops.local.facts.disk import Disk
from stock_ops.local.facts.local_state import PartTrouble
from stock_ops.local.facts.structure import Structure
from stock_ops.local.plans.findings import FULL_SHARE, WARN_SHARE
from stock_ops.storage.facts.archive import Archive
from stock_ops.storage.facts.contents import Contents
from stock_ops.storage.keys import LostKeyError
from stock_ops.storage.manifest import Manifest, Mark, StoredPart, TableContent
from stock_ops.storage.objects import backup_id, base_of, segment_object
from stock_ops.storage.storage import StorageError, StoredObject, Traits
from stock_ops.storage.verification import Verification
from stock_ops.storage.wal import SEGMENT_BYTES, format_lsn, segment_name
from stock_ops.storage.writers import TwoWritersError
from stock_ops.watch.facts import CopyStanding, Failure, Standing
from stock_ops.watch.plans.warnings import (
    BACKUP_AGE,
    COPY_LAG_S,
    DRILL_GRACE,
    FULLS_FREE,
    LAG_S,
    RETAINED_SHARE,
    TRIES,
)

GIB = 2**30
FULL_BYTES = 400 * 2**20
SEGMENTS_A_DAY = 4
DAYS = 9
SECOND = timedelta(seconds=1)
SETTINGS = BackupSettings(storage="/srv/backups", key_file=Path("/home/ann/backup.key"))
RESTING = timedelta(days=SETTINGS.drill_every_days) + DRILL_GRACE


def backup(at: datetime, segment: int, *, parent: Manifest | None = None, timeline: int = 1) -> Manifest:
    """A backup that was begun at a time; its log goes from one segment to the next."""
    name = backup_id(at, "incr" if parent else "full")
    return Manifest(
        id=name,
        kind="incr" if parent else "full",
        parent=parent.id if parent else None,
        system_identifier="7",
        timeline=timeline,
        start_lsn=format_lsn(segment * SEGMENT_BYTES + 4096),
        stop_lsn=format_lsn(segment * SEGMENT_BYTES + 8192),
        mark=Mark(f"backup-{name}", format_lsn((segment + 1) * SEGMENT_BYTES + 4096), at + 12 * SECOND),
        first_segment=segment_name(timeline, segment),
        last_segment=segment_name(timeline, segment + 1),
        started_at=at,
        finished_at=at + 20 * SECOND,
        duration_s=2.5 if parent else 14.25,
        postgresql="18.6",
        schema_version=4,
        extensions={},
        structure_sha256="0",
        content=(),
        parts=(StoredPart(base_of(name), "base", GIB, "1", FULL_BYTES // (40 if parent else 1), "2"),),
        valkey_keys=0,
        compression_level=1,
    )


def archive(*backups: Manifest, segments: range = range(1, 100), **changes: Any) -> Archive:
    """These backups whole, and the log of the first timeline."""
    whole = Archive(
        where="/srv/backups",
        system_identifier="7",
        backups=backups,
        damaged={},
        sizes={base_of(one.id): one.stored_bytes for one in backups},
        whole=frozenset(segment_name(1, number) for number in segments),
        partial=frozenset([segment_name(1, segments.stop)]),
        histories={},
        marks=(),
    )
    return replace(whole, **changes)


def week(now: datetime) -> tuple[Manifest, ...]:
    """A full backup and increments to it, one a day, the last one six hours ago."""
    found: list[Manifest] = []
    for day in range(DAYS):
        at = now - timedelta(days=DAYS - 1 - day, hours=6)
        found.append(backup(at, SEGMENTS_A_DAY * day + 1, parent=found[-1] if found else None))
    return tuple(found)


def calm(now: datetime) -> Standing:
    """All is well: shipped two seconds ago, verified and rehearsed two days ago."""
    backups = week(now)
    ahead = range(1, SEGMENTS_A_DAY * DAYS + 2)
    objects = [StoredObject(segment_object(segment_name(1, number)), 2**20, now) for number in ahead]
    contents = Contents(
        archive(*backups, segments=ahead),
        tuple(objects),
        {backups[-2].id: Verification(now - timedelta(days=1), "read")},
    )
    return Standing(
        settings=SETTINGS,
        where="/srv/backups",
        contents=contents,
        free_bytes=90 * GIB,
        two_writers=None,
        unreachable=None,
        histories={},
        archive=ArchiveState(
            streaming=True,
            shipped_lsn="0/25000028",
            shipped_at=(now - 2 * SECOND).isoformat(),
            lag_s=1.5,
            slot_retained_bytes=SEGMENT_BYTES,
            slot_limit_bytes=4 * GIB,
            spool_bytes=SEGMENT_BYTES,
            wal_status="reserved",
        ),
        broken=False,
        breaks=(),
        drills=(drill(now - timedelta(days=2)),),
        failures={},
        next_backup_at=now + timedelta(hours=18),
        next_drill_at=now + timedelta(days=5),
        uptime_s=86_400.0 * 30,
        clock_jump_s=0.0,
        key_flaw=None,
        shares_disk=False,
        traits=Traits(keeps_first=True, keeps_versions=False),
        copies=(
            CopyStanding(
                "offsite",
                "s3://far/stocks",
                contents,
                backups,
                lag_s=4.0,
                shipped_at=now - 4 * SECOND,
                pending_bytes=0,
            ),
        ),
    )


def drill(at: datetime, outcome: Outcome = "passed", *, sabotage: bool = False) -> Drill:
    """A drill that ran to its end."""
    measured = None if sabotage or outcome != "passed" else 1.5
    return Drill(drill_id(at), at, at + 60 * SECOND, outcome, measured, measured and 21.0, sabotage)


def with_archive(standing: Standing, **changes: Any) -> Standing:
    """The continuous archive in another state."""
    return replace(standing, archive=replace(standing.archive, **changes))


def with_copy(standing: Standing, **changes: Any) -> Standing:
    """The copy in another state."""
    return replace(standing, copies=(replace(standing.copies[0], **changes),))


def copy_verified(standing: Standing, at: datetime) -> Standing:
    """The newest backup of the copy was found whole at a time."""
    copy = standing.copies[0]
    assert copy.contents is not None
    found = {copy.usable[-1].id: Verification(at, "read")}
    return with_copy(standing, contents=replace(copy.contents, verifications=found))


def with_contents(standing: Standing, **changes: Any) -> Standing:
    """Other things in the storage."""
    assert standing.contents is not None
    return replace(standing, contents=replace(standing.contents, **changes))


def with_holdings(standing: Standing, **changes: Any) -> Standing:
    """Other backups and log in the storage."""
    assert standing.contents is not None
    return with_contents(standing, archive=replace(standing.contents.archive, **changes))


def verified(standing: Standing, at: datetime) -> Standing:
    """The newest backup was found whole at a time."""
    assert standing.contents is not None
    newest = standing.contents.archive.backups[-1]
    return with_contents(standing, verifications={newest.id: Verification(at, "restored")})


def last_backup(standing: Standing, at: datetime) -> Standing:
    """The newest backup was marked at a time and found whole; there are none after it."""
    assert standing.contents is not None
    backups = standing.contents.archive.backups
    kept = [one for one in backups if one.mark.at < at - timedelta(days=1)]
    newest = replace(backups[len(kept)], mark=replace(backups[len(kept)].mark, at=at))
    return verified(with_holdings(standing, backups=(*kept, newest)), at)


def with_local(standing: Standing, **changes: Any) -> Standing:
    """The servers and disks beside the part in another state."""
    return replace(standing, local=replace(standing.local, **changes))


def with_rows(standing: Standing, *, before: int, after: int) -> Standing:
    """The newest backup has other rows than the one before it."""
    assert standing.contents is not None
    *rest, last, newest = standing.contents.archive.backups
    counts = ((last, before), (newest, after))
    told = (replace(one, content=(TableContent("public.bar_1d", rows, "0"),)) for one, rows in counts)
    return with_holdings(standing, backups=(*rest, *told))


def disk(share: float) -> Disk:
    """A disk of 10 GiB with such a share left."""
    return Disk("/srv/data", int(share * 10 * GIB), 10 * GIB, 10**6, 10**6)


STRUCTURE = Structure(8, frozenset({"table public.instrument", "column public.instrument.id integer"}))
DESIGN = Structure(8, STRUCTURE.pieces | {"index CREATE INDEX instrument_name ON public.instrument (name)"})


def newest_of(standing: Standing) -> str:
    """Id of the newest backup."""
    assert standing.contents is not None
    return standing.contents.archive.backups[-1].id


Change = Callable[[Standing, datetime], Standing]

WRONG: Mapping[Kind, Change] = {
    "archive-broken": lambda s, _: replace(s, broken=True),
    "archive-lagging": lambda s, _: with_archive(s, lag_s=LAG_S + 1, last_error="it is full"),
    "archive-stopped": lambda s, _: with_archive(s, streaming=False),
    "backup-damaged": lambda s, now: with_holdings(
        s, damaged={backup_id(now - timedelta(days=11), "full"): "its checksum does not fit its text"}
    ),
    "backup-failing": lambda s, _: replace(s, failures={**s.failures, "backup": _failure(TRIES)}),
    "backup-forged": lambda s, _: with_holdings(s, findings=("marks/before.json is not ours",)),
    "backup-missing": lambda s, _: replace(s, gone="20261125T031500Z-full"),
    "backup-overdue": lambda s, now: last_backup(s, now - BACKUP_AGE - SECOND),
    "backup-unproven": lambda s, _: with_holdings(s, unproven={newest_of(s): "it was made before"}),
    "backup-unverified": lambda s, now: verified(s, now - RESTING - SECOND),
    "clock-jumped": lambda s, _: replace(s, clock_jump_s=-(CLOCK + SECOND).total_seconds()),
    "disk-filling": lambda s, _: with_local(s, disks=(disk(WARN_SHARE - 0.001),)),
    "disk-full": lambda s, _: with_local(s, disks=(disk(FULL_SHARE - 0.001),)),
    "copy-damaged": lambda s, _: with_copy(s, flaws={"20261120T031500Z-full": "base.tar is missing"}),
    "copy-failing": lambda s, _: with_copy(s, trouble=StorageError("s3://far is away.", "Wait.")),
    "copy-lagging": lambda s, _: with_copy(s, lag_s=COPY_LAG_S + 1),
    "copy-unverified": lambda s, now: copy_verified(s, now - RESTING - SECOND),
    "drill-failed": lambda s, now: replace(s, drills=(*s.drills, drill(now - timedelta(hours=1), "failed"))),
    "drill-not-run": lambda s, now: replace(
        s, drills=(*s.drills, drill(now - timedelta(minutes=30), "not_run"))
    ),
    "drill-overdue": lambda s, now: replace(s, drills=(drill(now - RESTING - SECOND),)),
    "key-missing": lambda s, _: replace(s, key_flaw=LostKeyError("The key is gone.", "Bring it back.")),
    "part-down": lambda s, _: with_local(s, troubles=(PartTrouble("valkey", "unhealthy: no answer"),)),
    "prune-failing": lambda s, _: replace(s, failures={**s.failures, "prune": _failure(TRIES)}),
    "spool-full": lambda s, _: with_archive(s, spool_bytes=SPOOL_BYTES),
    "storage-locked": lambda s, _: replace(s, locked_objects=3),
    "storage-nearly-full": lambda s, _: replace(s, free_bytes=FULLS_FREE * FULL_BYTES - 1),
    "storage-same-disk": lambda s, _: replace(s, shares_disk=True),
    "storage-unfenced": lambda s, _: replace(s, traits=Traits(keeps_first=False)),
    "storage-unreachable": lambda s, _: replace(
        s, unreachable=StorageError("The storage /srv/backups is not there.", "Mount the disk that holds it.")
    ),
    "structure-changed": lambda s, _: with_local(s, live=STRUCTURE, expected=DESIGN),
    "tables-shrunk": lambda s, _: with_rows(s, before=1000, after=499),
    "two-writers": lambda s, _: replace(
        s, two_writers=TwoWritersError("Two writers: /srv/backups is held by another.", "Decide which.")
    ),
    "wal-kept-for-archive": lambda s, _: with_archive(
        s, slot_retained_bytes=int(RETAINED_SHARE * 4 * GIB) + 1
    ),
}
"""What makes each warning, and none besides."""

NEARLY: Mapping[Kind, Change] = {
    "archive-lagging": lambda s, _: with_archive(s, lag_s=LAG_S),
    "backup-failing": lambda s, _: replace(s, failures={"backup": _failure(TRIES - 1)}),
    "backup-overdue": lambda s, now: last_backup(s, now - BACKUP_AGE),
    "backup-unverified": lambda s, now: verified(s, now - RESTING),
    "clock-jumped": lambda s, _: replace(s, clock_jump_s=CLOCK.total_seconds()),
    "disk-filling": lambda s, _: with_local(s, disks=(disk(WARN_SHARE),)),
    "copy-lagging": lambda s, _: with_copy(s, lag_s=COPY_LAG_S),
    "copy-unverified": lambda s, now: copy_verified(s, now - RESTING),
    "drill-failed": lambda s, now: replace(s, drills=(drill(now - timedelta(days=3), "failed"), *s.drills)),
    "drill-not-run": lambda s, now: replace(s, drills=(drill(now - timedelta(days=3), "not_run"), *s.drills)),
    "drill-overdue": lambda s, now: replace(s, drills=(drill(now - RESTING),)),
    "prune-failing": lambda s, _: replace(s, failures={"prune": _failure(TRIES - 1)}),
    "spool-full": lambda s, _: with_archive(s, spool_bytes=SPOOL_BYTES - 1),
    "storage-nearly-full": lambda s, _: replace(s, free_bytes=FULLS_FREE * FULL_BYTES),
    "structure-changed": lambda s, _: with_local(s, live=DESIGN, expected=STRUCTURE),
    "tables-shrunk": lambda s, _: with_rows(s, before=1000, after=500),
    "wal-kept-for-archive": lambda s, _: with_archive(s, slot_retained_bytes=int(RETAINED_SHARE * 4 * GIB)),
}
"""What just does not make each warning that has a limit."""


_LAST = ("tables-shrunk", "disk-full", "drill-failed", "drill-not-run")
"""What another state would else take back."""


def wrong(kind: Kind, now: datetime) -> Standing:
    """Something that needs somebody."""
    return WRONG[kind](calm(now), now)


def all_wrong(now: datetime) -> Standing:
    """Everything at once."""
    standing = calm(now)
    for kind in sorted(WRONG, key=lambda kind: _LAST.index(kind) if kind in _LAST else -1):
        standing = WRONG[kind](standing, now)
    return standing


def _failure(count: int) -> Failure:
    return Failure(count, "The storage /srv/backups is mounted read-only.", "Mount it for writing.")
