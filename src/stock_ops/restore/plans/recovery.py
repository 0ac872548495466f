"""The choice of a restore: the newest whole backup before the target, and the log since. Pure."""

from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import NoReturn

from stock_ops.kit.errors import DamagedBackupError, MissingWalError, NoBackupError, OpsError, OutOfReachError
from stock_ops.kit.typed import command
from stock_ops.restore.facts.progress import Target
from stock_ops.restore.plans.moments import refuse_beyond, refuse_time, told
from stock_ops.storage.facts.archive import Archive
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.marks import NamedMark
from stock_ops.storage.objects import moment_of
from stock_ops.storage.plans import Usable, missing_after, way_of
from stock_ops.storage.timelines import Held, Way, covers, holds, names_at, run_along
from stock_ops.storage.wal import SEGMENT_BYTES, number_of, parse_lsn, timeline_of

SLACK_BYTES = 256 * 2**20
"""Room for a recovery besides the files: the log of its end, temporary files."""


@dataclass(frozen=True, slots=True)
class Request:
    """The operator's request. Empty: the latest point."""

    time: datetime | None = None
    mark: str | None = None
    backup: str | None = None
    """The backup to begin with; alone: the point that it was taken for."""
    latest: bool = False
    """With `backup`: everything that came after it, too."""
    timeline: int | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Segments that are missing although later ones are there."""

    first: str
    before: str
    """The first segment that is there again."""

    def __str__(self) -> str:
        return f"{self.first} up to {self.before}"


@dataclass(frozen=True, slots=True)
class Choice:
    """The target of a restore, its backups and its log."""

    chain: tuple[Manifest, ...]
    """The full backup and the increments to it, oldest first."""
    timeline: int
    target: Target
    wal: tuple[Held, ...]
    gap: Gap | None
    """What is missing after the log that is there; only a target in time may lie before it."""
    end_is_target: bool = False
    """The log holds no commit after the target in time, and everything up to it."""

    @property
    def backup(self) -> Manifest:
        """The backup itself."""
        return self.chain[-1]

    @property
    def need_bytes(self) -> int:
        """Room that the restore takes until the swap."""
        bases = [part.plain_bytes for backup in self.chain if (part := backup.part("base"))]
        combined = bases[0] if len(bases) > 1 else 0
        return sum(bases) + combined + len(self.wal) * SEGMENT_BYTES + SLACK_BYTES


def choose(archive: Archive, request: Request, now: datetime) -> Choice:
    """What to recover.

    now: of this machine's clock, which need not be that of the machine which was backed up.
    Raises OpsError naming what is possible when the request is not.
    """
    way = way_of(archive, request.timeline)
    usable = Usable(archive, way)
    if not archive.backups and not archive.damaged:
        raise NoBackupError(archive.where)
    if request == Request():
        _refuse_lost_end(archive)
    target, lsn = _target(archive, request, way, usable, now)
    backup = _backup(archive, request, usable, target, lsn)
    until = _until(archive, target, lsn)
    wal = tuple(run_along(way, number_of(backup.first_segment), archive.whole, archive.partial))
    gap = _gap(archive, way, wal[-1]) if wal else None
    choice = Choice(
        usable.chain(backup),
        way[-1].timeline,
        target,
        tuple(takewhile(lambda held: until is None or number_of(held.name) <= until, wal)),
        gap,
        end_is_target=bool(request.time and archive.passage and archive.passage.number is None),
    )
    _refuse_gap(archive, way, choice, lsn)
    if request.time and choice.end_is_target:
        refuse_beyond(archive, usable, choice.backup, choice.wal[-1], str(choice.gap or ""), request.time)
    return choice


def left_behind(archive: Archive, choice: Choice, now: datetime) -> int | None:
    """The newest timeline, when its end is not what is brought back, but could be; else None."""
    newest = archive.timeline
    if (choice.target.kind, choice.timeline) == ("latest", newest):
        return None
    try:
        choose(archive, Request(timeline=newest), now)
    except OpsError:
        return None
    return newest


def _target(
    archive: Archive, request: Request, way: Way, usable: Usable, now: datetime
) -> tuple[Target, int | None]:
    """Where recovery ends, and the position of it where that is known."""
    if request.time is not None:
        refuse_time(archive, request.time, usable, now)
        return Target("time", request.time.isoformat()), None
    if request.mark is not None:
        return _mark(archive, request.mark, way)
    if request.backup is not None and not request.latest:
        backup = _named(archive, usable, request.backup)
        return Target("mark", backup.mark.name), parse_lsn(backup.mark.lsn)
    return Target("latest"), None


def position_of(archive: Archive, mark: str) -> int | None:
    """Where a mark lies in the log, one of a backup too; None where it is unknown."""
    own = [NamedMark(one.mark.name, one.mark.lsn, one.timeline, one.mark.at) for one in archive.backups]
    return next((parse_lsn(one.lsn) for one in (*archive.marks, *own) if one.name == mark), None)


def _mark(archive: Archive, name: str, way: Way) -> tuple[Target, int]:
    own = [NamedMark(one.mark.name, one.mark.lsn, one.timeline, one.mark.at) for one in archive.backups]
    ids = {one.id: one.mark.name for one in archive.backups}
    known = {mark.name: mark for mark in (*archive.marks, *own)}
    mark = known.get(ids.get(name, name))
    if mark is None:
        names = ", ".join(sorted(mark.name for mark in archive.marks)) or "none"
        raise OutOfReachError(
            f"There is no mark {name} in {archive.where}.",
            f"Known marks: {names}; every backup is one, too (stockops backup list).",
        )
    if not holds(way, mark.timeline, parse_lsn(mark.lsn)):
        raise OutOfReachError(
            f"The mark {name} lies on timeline {mark.timeline}, which an earlier restore left before it.",
            f"Go back to it with: stockops restore --mark {name} --timeline {mark.timeline}",
        )
    return Target("mark", mark.name), parse_lsn(mark.lsn)


def _backup(archive: Archive, request: Request, usable: Usable, target: Target, lsn: int | None) -> Manifest:
    """The backup that was named, or the newest before the target; one that is damaged is not passed over."""
    if request.backup is not None:
        backup = _named(archive, usable, request.backup)
        if not _is_before(backup, request.time, lsn):
            raise OutOfReachError(
                f"Backup {backup.id} was taken for {told(backup.mark.at)}, which is after the {target}.",
                "Leave --backup out: the right one is found.",
            )
    else:
        before = [one for one in usable.backups if _is_before(one, request.time, lsn)]
        backup = before[-1] if before else _nothing(archive, target)
        for name, why in archive.damaged.items():
            if (at := moment_of(name)) > backup.mark.at and (request.time is None or at <= request.time):
                _refuse_damaged(usable, name, why, request, lsn)
    flaw = usable.flaw(backup)
    if flaw:
        _refuse_damaged(usable, backup.id, flaw, request, lsn)
    return backup


def _is_before(backup: Manifest, time: datetime | None, lsn: int | None) -> bool:
    if time is not None and backup.mark.at > time:
        return False
    return lsn is None or parse_lsn(backup.mark.lsn) <= lsn


def _named(archive: Archive, usable: Usable, name: str) -> Manifest:
    found = next((one for one in usable.backups if one.id == name), None)
    if found is not None:
        return found
    if name in archive.damaged:
        _refuse_damaged(usable, name, archive.damaged[name], Request(), None)
    elsewhere = next((one for one in archive.backups if one.id == name), None)
    if elsewhere is not None:
        raise OutOfReachError(
            f"Backup {name} lies on timeline {elsewhere.timeline}, which an earlier restore left before it.",
            f"Go back to it with: stockops restore --backup {name} --timeline {elsewhere.timeline}",
        )
    raise OutOfReachError(
        f"There is no backup {name} in {archive.where}.", "`stockops backup list` names them."
    )


def _nothing(archive: Archive, target: Target) -> NoReturn:
    if archive.damaged:
        told = "; ".join(f"{name}: {why}" for name, why in sorted(archive.damaged.items()))
        raise DamagedBackupError(f"No backup in {archive.where} can be read: {told}.", _OTHER_COPY)
    raise OutOfReachError(
        f"{archive.where} holds no backup from before the {target}.",
        "`stockops backup list` names the backups.",
    )


def _refuse_damaged(usable: Usable, name: str, why: str, request: Request, lsn: int | None) -> NoReturn:
    others = [one for one in usable.whole if one.id != name and _is_before(one, request.time, lsn)]
    todo = _OTHER_COPY
    if others:
        wish = ("--time", request.time.isoformat()) if request.time else ("--latest",)
        wish = ("--mark", request.mark) if request.mark else wish
        older = command("restore", "--backup", others[-1].id, *wish)
        todo = f"An older one is whole and, with the log since, leads there: {older}"
    raise DamagedBackupError(f"Backup {name} is damaged: {why}.", todo)


def _refuse_lost_end(archive: Archive) -> None:
    """The latest point is not what the storage happens to end with."""
    if archive.lost_end:
        raise DamagedBackupError(
            f"The newest log in {archive.where} was taken away: {archive.lost_end}, is missing.",
            "Use another copy (--storage). To bring back what is left: --backup ID --latest, or --time.",
        )


_OTHER_COPY = "Use another copy of the storage, if you have one (--storage)."


def _until(archive: Archive, target: Target, lsn: int | None) -> int | None:
    """Number of the last segment that can matter; None when all may."""
    if lsn is not None:
        return max(lsn - 1, 0) // SEGMENT_BYTES
    return archive.passage.number if target.kind == "time" and archive.passage else None


def _gap(archive: Archive, way: Way, last: Held) -> Gap | None:
    legs = {leg.timeline: leg for leg in way}
    later = [
        name
        for name in archive.whole | archive.partial
        if (leg := legs.get(timeline_of(name)))
        and number_of(name) > number_of(last.name)
        and (leg.end is None or number_of(name) * SEGMENT_BYTES < leg.end)
    ]
    if not later:
        return None
    return Gap(next(names_at(way, missing_after(way, last))), min(later, key=number_of))


def _refuse_gap(archive: Archive, way: Way, choice: Choice, lsn: int | None) -> None:
    is_there = lsn is None or (bool(choice.wal) and covers(way, choice.wal[-1], lsn))
    if choice.target.kind == "latest" and choice.gap is not None:
        raise MissingWalError(
            f"The log is missing from {choice.gap}; {choice.backup.id} leads no further than to there.",
            "Name a time before the gap (--time), or take a backup from after it (stockops backup list).",
        )
    if not is_there:
        missing = str(choice.gap) if choice.gap else f"after {choice.wal[-1].name}"
        raise MissingWalError(
            f"The log that leads to the {choice.target} is missing in {archive.where}: {missing}.",
            "Name an earlier mark, or a time before that (--time).",
        )
