"""Moments in time as the log knows them: marks, commits, and where restores left a timeline. Pure."""

import contextlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

from stock_ops.backup.plans.retention import CLOCK
from stock_ops.kit.errors import MissingWalError, OutOfReachError
from stock_ops.storage.facts.archive import Archive, Branch, Passage
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.marks import NamedMark
from stock_ops.storage.plans import Usable, way_of
from stock_ops.storage.timelines import Held, Leg, Way, holds
from stock_ops.storage.wal import SEGMENT_BYTES, number_of, parse_lsn


def find_branch(archive: Archive, time: datetime) -> Branch | None:
    """The last restore on the way to the present that went back to before a time.

    Until the timeline that it began has a first commit, the time is one of the timeline that it left.
    Raises OutOfReachError, DamagedBackupError.
    """
    for left, begun in reversed(list(pairwise(way_of(archive, None)))):
        if (at := _left_at(archive, left)) and at <= time:
            return Branch(left, begun, at)
    return None


def _left_at(archive: Archive, leg: Leg) -> datetime | None:
    """When a leg was left by a restore to a time or a mark; None when it was left at its end."""
    if found := _AT_MARK.fullmatch(leg.why):
        own = ((one.mark.name, one.mark.at) for one in archive.backups)
        return dict((*((mark.name, mark.at) for mark in archive.marks), *own)).get(found[1])
    if found := _BEFORE.fullmatch(leg.why):
        with contextlib.suppress(ValueError):
            return datetime.fromisoformat(found[1])
    return None


_BEFORE = re.compile(r"before (.+[+-][\d:]+)")
_AT_MARK = re.compile(r'at restore point "(.+)"')


def refuse_time(archive: Archive, time: datetime, usable: Usable, now: datetime) -> None:
    """Raise OutOfReachError for a time in the future, before all backups, or between two timelines."""
    first = usable.whole[0].mark.at if usable.whole else None
    if first is None:
        return
    possible = f"Possible: {told(first)} to the last commit that was shipped."
    if time > now + CLOCK:
        raise OutOfReachError(f"{told(time)} lies in the future.", possible)
    if time < first:
        raise OutOfReachError(f"{told(time)} lies before the first point that can be restored.", possible)
    branch = archive.branch
    if branch and branch.first_commit and branch.at <= time < branch.first_commit:
        left, begun = branch.left.timeline, branch.begun.timeline
        raise OutOfReachError(
            f"Nothing was committed at {told(time)} on timeline {begun}: the restore that began it left "
            f"timeline {left} at {told(branch.at)}.",
            f'Timeline {left} at that time: stockops restore --timeline {left} --time "{told(time)}"',
        )


def first_mark_after(archive: Archive, timeline: int | None, time: datetime) -> int | None:
    """Number of the segment with the first mark after a time; None: there is none.

    A commit after the time, by which a recovery knows that it has reached it, is likely to be near.
    """
    way = way_of(archive, timeline)
    return min((_number(mark) for mark in _marks(archive, way) if mark.at > time), default=None)


def _marks(archive: Archive, way: Way) -> Iterator[NamedMark]:
    """The marks along the way, those of the backups, too."""
    own = (NamedMark(one.mark.name, one.mark.lsn, one.timeline, one.mark.at) for one in archive.backups)
    return (mark for mark in (*archive.marks, *own) if holds(way, mark.timeline, parse_lsn(mark.lsn)))


def _number(mark: NamedMark) -> int:
    return max(parse_lsn(mark.lsn) - 1, 0) // SEGMENT_BYTES


def refuse_beyond(
    archive: Archive, usable: Usable, backup: Manifest, newest: Held, gap: str, time: datetime
) -> None:
    """Raise OutOfReachError or MissingWalError for a time that the log does not certainly reach.

    backup: the one that the restore begins with. newest: the last segment of its log. gap: the missing log
    after that; empty where there is none. After the last commit, later marks tell how far the log reaches.
    """
    passage = archive.passage or Passage(None, None)
    certain = [
        mark.at
        for mark in _marks(archive, usable.way)
        if mark.name in passage.marks or _number(mark) < number_of(newest.name)
    ]
    last = max([*certain, *([passage.last_commit] if passage.last_commit else []), backup.mark.at])
    if time <= last:
        return
    if gap:
        raise MissingWalError(
            f"The log that leads to {told(time)} is missing in {archive.where}: {gap}.",
            f'The last moment before that: stockops restore --time "{told(last)}"',
        )
    raise OutOfReachError(
        f"{told(time)} lies after the last commit that was shipped.",
        f"Possible: {told(usable.whole[0].mark.at)} to {told(last)}. "
        "For everything there is: stockops restore",
    )


def told(at: datetime) -> str:
    """A time as people type it, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}".rstrip("0").rstrip(".") + "Z"
