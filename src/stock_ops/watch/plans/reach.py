"""The times that can be restored: first, last, and the gaps between. Pure.

The log knows no times of its own. What is certain are the marks, and, where the log broke, what the part that
ships it remembers; where it remembers nothing, the gap is told to begin at the last mark before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from stock_ops.local.facts.part import Break
from stock_ops.storage.facts.archive import Archive
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.plans import judge, way_of
from stock_ops.storage.timelines import Way, holds, run_along
from stock_ops.storage.wal import SEGMENT_BYTES, number_of, parse_lsn, timeline_of


@dataclass(frozen=True, slots=True)
class Gap:
    """A time that no restore reaches; both its ends can be restored."""

    after: datetime
    before: datetime


@dataclass(frozen=True, slots=True)
class Reach:
    """The restorable times on the way to the present."""

    backups: tuple[Manifest, ...] = ()
    """Those that can be, oldest first."""
    flaws: Mapping[str, str] | None = None
    """Those that cannot be, and why."""
    first: datetime | None = None
    last: datetime | None = None
    gaps: tuple[Gap, ...] = ()
    leads_to_present: bool = True
    """Whether the newest of them leads to the newest log; False: the rest of the log is of no use."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Backups that the same log without a gap leads on from; `end` is the number of its last segment."""

    backups: tuple[Manifest, ...]
    end: int


def reach(
    archive: Archive, breaks: tuple[Break, ...], shipped_at: datetime | None, *, broken: bool = False
) -> Reach:
    """The restorable times on the way to the newest timeline.

    shipped_at: what was committed before this time is in the storage. broken: log was lost, and no full
    backup was made since. Raises DamagedBackupError when the history of the timeline cannot be read.
    """
    way = way_of(archive, None)
    judged = judge(archive, way)
    whole = tuple(backup for backup, flaw in judged if flaw is None)
    found = Reach(whole, dict(archive.damaged) | {backup.id: flaw for backup, flaw in judged if flaw})
    if not whole:
        return found
    stretches = _stretches(archive, way, whole)
    ends = [_end(archive, way, stretch, breaks) for stretch in stretches]
    gaps = zip(ends, (stretch.backups[0].mark.at for stretch in stretches[1:]), strict=False)
    leads = not broken and not _is_left_behind(archive, way, stretches[-1].end)
    newest = max(backup.mark.at for backup in whole)
    return replace(
        found,
        first=whole[0].mark.at,
        last=max(newest, shipped_at or newest) if leads else ends[-1],
        gaps=tuple(Gap(min(after, before), before) for after, before in gaps),
        leads_to_present=leads,
    )


def _stretches(archive: Archive, way: Way, whole: tuple[Manifest, ...]) -> list[_Stretch]:
    found: list[_Stretch] = []
    for backup in whole:
        if found and number_of(backup.last_segment) <= found[-1].end:
            found[-1] = replace(found[-1], backups=(*found[-1].backups, backup))
            continue
        run = run_along(way, number_of(backup.last_segment), archive.whole, archive.partial)
        found.append(_Stretch((backup,), max(number_of(held.name) for held in run)))
    return found


def _end(archive: Archive, way: Way, stretch: _Stretch, breaks: tuple[Break, ...]) -> datetime:
    """A time up to which the stretch certainly leads."""
    first = parse_lsn(stretch.backups[0].mark.lsn)
    marks = [
        mark.at
        for mark in archive.marks
        if holds(way, mark.timeline, lsn := parse_lsn(mark.lsn))
        and first <= lsn <= (stretch.end + 1) * SEGMENT_BYTES
    ]
    known = [one.shipped_at for one in breaks if number_of(one.segment) == stretch.end + 1]
    return max([*(backup.mark.at for backup in stretch.backups), *marks, *known])


def _is_left_behind(archive: Archive, way: Way, end: int) -> bool:
    """Whether there is log that the one up to `end` does not lead to."""
    present = way[-1].timeline
    return any(
        timeline_of(name) == present and number_of(name) > end for name in archive.whole | archive.partial
    )
