"""The deletions of a prune, in their order. Pure.

Invariant: wherever the deletions are cut off, what was to stay can be restored as before, and what remains of
the rest either is a backup that can be restored, too, or counts as none. A backup goes manifest first, and
only after all that build on it. The log that only it needed goes after the last backup, the oldest segment
first, so that no run of it ever has a hole. The next prune sees what is left and does the rest.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from stock_ops.backup.facts.retention import RetentionFacts
from stock_ops.backup.plans.retention import Retention, leads_to, retain
from stock_ops.kit.errors import ForeignStorageError, megabytes
from stock_ops.storage.facts.contents import Contents
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.marks import NamedMark, mark_object
from stock_ops.storage.objects import (
    damage_of,
    folder_of,
    manifest_of,
    moment_of,
    segment_object,
    segment_of,
    verification_of,
)
from stock_ops.storage.owner import refuse_other
from stock_ops.storage.storage import StoredObject
from stock_ops.storage.wal import number_of, parse_lsn, timeline_of

DEAD_AFTER = timedelta(days=1)
"""A backup that is being made writes its next object sooner."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """Objects that are deleted one after another, in this order."""

    title: str
    detail: str
    names: tuple[str, ...]
    size_bytes: int


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """Kept and deleted objects, and why."""

    retention: Retention
    steps: tuple[Deletion, ...]
    hint: str = ""
    """Why log stays that no whole backup needs."""

    @property
    def freed_bytes(self) -> int:
        """Room that the deletions make."""
        return sum(step.size_bytes for step in self.steps)

    @property
    def names(self) -> tuple[str, ...]:
        """Every object that goes, in order."""
        return tuple(name for step in self.steps for name in step.names)

    @property
    def going(self) -> tuple[str, ...]:
        """The backups that go."""
        return tuple(backup for chain in self.retention.going for backup in chain)


def plan_prune(facts: RetentionFacts) -> PrunePlan:
    """The deletions. Only for the holder of the lock of the backups, so that none is being made.

    Raises ForeignStorageError when the backups there are not this instance's.
    """
    _refuse_foreign(facts)
    if facts.storage.authority:
        facts.storage.authority.refuse_without_key()
    return plan_deletions(facts.contents, retain(facts.contents, facts.settings, facts.now))


def plan_deletions(contents: Contents, retention: Retention) -> PrunePlan:
    """The deletions that leave what is retained."""
    known = {backup.id: backup for backup in contents.archive.backups}
    kept = [known[name] for name in retention.kept if name in known]
    hint = _why_log_stays(retention, kept)
    steps = [*_leftovers(contents), *_backups(contents, retention), *_superseded(contents)]
    if not retention.refusal and kept:
        steps += () if hint else (*_marks(contents, kept), *_log(contents, kept))
    return PrunePlan(retention, tuple(step for step in steps if step.names), hint)


def _refuse_foreign(facts: RetentionFacts) -> None:
    if facts.owner is None:
        return
    if facts.recipient is None:
        raise ForeignStorageError(
            f"Nothing tells whether the backups in {facts.storage.where} are this data folder's: "
            "it has no config/backup-recipient.txt.",
            "Run this with the --data of the instance that makes them.",
        )
    theirs = facts.system_identifier or facts.owner.system_identifier
    refuse_other(facts.storage, facts.owner, theirs, facts.recipient)


def _leftovers(contents: Contents) -> Iterator[Deletion]:
    """Leftovers of backups whose making or deletion was cut off; the storage's clock tells their age."""
    newest = max((one.modified for one in contents.objects), default=None)
    for backup in sorted(contents.unfinished):
        objects = _objects(contents, backup)
        later = (verification_of(backup), damage_of(backup))
        written = [one.modified for one in objects if one.name not in later]
        if newest is not None and all(newest - at >= DEAD_AFTER for at in written):
            yield _deletion("Unfinished", f"{backup}, cut off", objects)


def _backups(contents: Contents, retention: Retention) -> Iterator[Deletion]:
    for backup in (backup for chain in retention.going for backup in chain):
        objects = sorted(_objects(contents, backup), key=lambda one: one.name != manifest_of(backup))
        size = sum(one.size_bytes for one in objects)
        flaw = ", damaged" if backup in retention.damaged else ""
        yield _deletion("Backup", f"{backup}, {megabytes(size)}{flaw}", objects)


def _superseded(contents: Contents) -> Iterator[Deletion]:
    """Beginnings of segments that are there to their end."""
    archive = contents.archive
    names = {segment_object(name, partial=True) for name in archive.partial & archive.whole}
    objects = [one for one in contents.objects if one.name in names]
    yield _deletion("Log", f"{len(objects)} beginnings of segments that are whole by now", objects)


def _marks(contents: Contents, kept: list[Manifest]) -> Iterator[Deletion]:
    """Those that no backup is before any more. A name that is used twice stays."""
    histories, marks = contents.archive.histories, contents.archive.marks
    within_reach = {mark.name for mark in marks if any(_reaches(histories, one, mark) for one in kept)}
    gone = {mark_object(mark.name) for mark in marks if mark.name not in within_reach}
    objects = [one for one in contents.objects if one.name in gone]
    yield _deletion("Marks", f"{len(objects)} from before the oldest backup that stays", objects)


def _reaches(histories: Mapping[int, str], backup: Manifest, mark: NamedMark) -> bool:
    before = parse_lsn(backup.mark.lsn) <= parse_lsn(mark.lsn)
    return before and leads_to(histories, backup, mark.timeline) is not False


def _log(contents: Contents, kept: list[Manifest]) -> Iterator[Deletion]:
    """The segments that no backup needs, nor the way on from one; timelines' histories stay."""
    archive = contents.archive
    timelines = {timeline_of(name) for name in archive.whole | archive.partial}
    needed = {timeline: {_needed(archive.histories, one, timeline) for one in kept} for timeline in timelines}
    going = []
    for one in contents.objects:
        segment, partial = segment_of(one.name) or ("", False)
        if not segment or (partial and segment in archive.whole):
            continue
        if not any(number_of(segment) in numbers for numbers in needed[timeline_of(segment)]):
            going.append((number_of(segment), one.name, one))
    objects = [one for *_, one in sorted(going, key=lambda found: found[:2])]
    yield _deletion("Log", f"{len(objects)} segments that no backup needs any more", objects)


def _needed(histories: Mapping[int, str], backup: Manifest, timeline: int) -> range:
    """Numbers of the segments that a restore of the backup, to any point it leads to, may read there.

    Of an earlier timeline it reads none: a timeline begins with a copy of the segment in which it left that.
    """
    if leads_to(histories, backup, timeline) is False:
        return range(0)
    return range(number_of(backup.first_segment), _NO_END)


_NO_END = 2**64


def _why_log_stays(retention: Retention, kept: list[Manifest]) -> str:
    """A backup whose manifest cannot be read may need any log from its time on."""
    unreadable = [name for name in retention.kept if name not in {backup.id for backup in kept}]
    oldest = min((moment_of(backup.id) for backup in kept), default=None)
    old = [name for name in unreadable if oldest is not None and moment_of(name) < oldest]
    return f"no log is deleted while {old[0]} is kept: its manifest cannot be read" if old else ""


def _objects(contents: Contents, backup: str) -> list[StoredObject]:
    return [one for one in contents.objects if one.name.startswith(folder_of(backup))]


def _deletion(title: str, detail: str, objects: Iterable[StoredObject]) -> Deletion:
    found = tuple(objects)
    return Deletion(title, detail, tuple(one.name for one in found), sum(one.size_bytes for one in found))
