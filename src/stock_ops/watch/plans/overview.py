"""How the backups stand, as the part answers it over HTTP and the operations page shows it. Pure."""

import dataclasses
from datetime import datetime
from typing import Any

from stock_ops.backup.plans.copies_told import copy_data
from stock_ops.drill.facts.drills import Drill
from stock_ops.kit.errors import DamagedBackupError
from stock_ops.kit.verdict import Finding, judge
from stock_ops.storage.manifest import Manifest
from stock_ops.watch.facts import CopyStanding, Standing
from stock_ops.watch.plans.reach import Reach, reach
from stock_ops.watch.plans.warnings import find_warnings


def overview(standing: Standing, now: datetime) -> dict[str, Any]:
    """The body of GET /status; times are texts in ISO format, lists oldest first.

    It holds what the gateway's contract asks for, and besides what the metrics need. Only backups that can be
    restored are listed, and drills that rehearsed a restore; the others are found in the warnings.
    """
    standing = _trusted(standing)
    found, settings = _reach(standing), standing.settings
    verdict = judge(find_warnings(standing, found, now))
    return {
        "at": now.isoformat(),
        "verdict": verdict.body(standing.named),
        "disks": [dataclasses.asdict(one) for one in standing.local.disks],
        "storage": {
            "where": standing.where,
            "used_bytes": standing.contents.used_bytes if standing.contents else None,
            "free_bytes": standing.free_bytes,
            "keeps_first": standing.traits.keeps_first,
            "keeps_versions": standing.traits.keeps_versions,
        },
        "backups": [_backup(one, standing) for one in found.backups],
        "wal": _window(found),
        "archive": dataclasses.asdict(standing.archive),
        "retention": {
            "keep_days": settings.keep_days,
            "keep_full": settings.keep_full,
            "full_every_days": settings.full_every_days,
            "drill_every_days": settings.drill_every_days,
        },
        "schedule": {
            "next_backup_at": _text(standing.next_backup_at),
            "next_drill_at": _text(standing.next_drill_at),
        },
        "copies": [_copy(one) for one in standing.copies],
        "drills": [_drill(one) for one in standing.drills if not one.sabotage],
        "warnings": [_warning(one, standing) for one in find_warnings(standing, found, now)],
    }


def _trusted(standing: Standing) -> Standing:
    """A storage that cannot be used and looks empty was not seen: its disk is not mounted there."""
    if standing.unreachable is None or standing.contents is None or standing.contents.objects:
        return standing
    return dataclasses.replace(standing, contents=None, free_bytes=None)


def _reach(standing: Standing) -> Reach:
    """The restorable times; empty before the first look at the storage."""
    if standing.contents is None:
        return Reach()
    found = standing.contents.archive
    archive = dataclasses.replace(found, histories={**standing.histories, **found.histories})
    shipped_at = standing.archive.shipped_at
    try:
        return reach(
            archive,
            standing.breaks,
            datetime.fromisoformat(shipped_at) if shipped_at else None,
            broken=standing.broken,
        )
    except DamagedBackupError as error:
        return Reach(flaws={"timelines": error.why})


def _backup(backup: Manifest, standing: Standing) -> dict[str, Any]:
    verified = standing.contents.verifications.get(backup.id) if standing.contents else None
    return {
        "id": backup.id,
        "kind": backup.kind,
        "finished_at": backup.finished_at.isoformat(),
        "mark_at": backup.mark.at.isoformat(),
        "size_bytes": backup.stored_bytes,
        "duration_s": backup.duration_s,
        "verified_at": _text(verified.at if verified else None),
    }


def _copy(copy: CopyStanding) -> dict[str, Any]:
    return copy_data(
        copy.name,
        copy.where,
        copy.contents,
        lag_s=copy.lag_s,
        shipped_at=copy.shipped_at,
        pending_bytes=copy.pending_bytes,
        free_bytes=copy.free_bytes,
        trouble=copy.trouble,
    )


def _window(found: Reach) -> dict[str, Any]:
    gaps = [{"after": _text(gap.after), "before": _text(gap.before)} for gap in found.gaps]
    return {"first_point": _text(found.first), "last_point": _text(found.last), "gaps": gaps}


def _drill(drill: Drill) -> dict[str, Any]:
    return {
        "id": drill.id,
        "started_at": drill.started_at.isoformat(),
        "finished_at": _text(drill.finished_at),
        "outcome": drill.outcome,
        "rpo_s": drill.rpo_s,
        "rto_s": drill.rto_s,
    }


def _warning(found: Finding, standing: Standing) -> dict[str, Any]:
    return {**dataclasses.asdict(found), "todo": standing.named.complete(found.todo)}


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
