"""Which objects a copy of the storage lacks, in the order in which they are shipped. Pure.

Invariant: whatever cuts the shipping off, the copy can be restored as far as it got. An object is shipped as
it is, byte for byte. A backup's manifest goes last, and only when the copy has all of its log that the first
storage has. The copy keeps what the first storage keeps, so that shipping and deleting come to rest.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from stock_ops.backup.plans.catalog import catalog
from stock_ops.backup.plans.prune import PrunePlan, plan_deletions
from stock_ops.backup.plans.retention import Retention
from stock_ops.kit.errors import DamagedBackupError, OutOfReachError
from stock_ops.storage.facts.archive import Archive
from stock_ops.storage.facts.contents import Contents
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.marks import MARKS
from stock_ops.storage.objects import (
    BACKUPS,
    LEDGER,
    REPOSITORY,
    WAL,
    backup_of,
    damage_of,
    folder_of,
    history_of,
    manifest_of,
    segment_object,
    segment_of,
    verification_of,
)
from stock_ops.storage.plans import Usable, way_of
from stock_ops.storage.storage import StoredObject
from stock_ops.storage.wal import parse_lsn, segments_between
from stock_ops.storage.writers import WRITERS


@dataclass(frozen=True, slots=True)
class BackupShipment:
    """One backup to be shipped."""

    backup: Manifest
    parts: tuple[str, ...]
    """All but the manifest."""
    size_bytes: int
    log: frozenset[str] = frozenset()
    """Segments that the copy must have before: all that the first storage has of its log."""

    @property
    def manifest(self) -> str:
        """Shipped last."""
        return manifest_of(self.backup.id)


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """What a copy lacks."""

    log: tuple[str, ...]
    """Histories, then segments in order; then marks and what else belongs to no backup."""
    backups: tuple[BackupShipment, ...]
    """The oldest first."""
    size_bytes: int
    ledger: tuple[str, ...] = ()
    """Entries of the ledger, which name all that is there: shipped behind the log, which refers to them."""

    @property
    def is_empty(self) -> bool:
        """Whether the copy has all that it should have."""
        return not self.log and not self.backups and not self.ledger


def plan_copy(
    first: Contents, copy: Contents, shipped: Mapping[str, StoredObject] = MappingProxyType({})
) -> CopyPlan:
    """What to ship from the first storage to a copy of it.

    shipped: what is replaced now and then, as it was when it was shipped last, for no clock tells whether it
    is newer. Both contents with the histories of their timelines, as far as known.
    """
    sizes = {one.name: one for one in first.objects}
    there = {one.name: one for one in copy.objects}
    wanted = tuple(_wanted(first, copy))
    shipments = tuple(_shipment(first, there, one) for one in wanted)
    unneeded = _unneeded(first, copy, wanted)
    log = tuple(name for name in _log(first, there, shipped) if name not in unneeded)
    size = sum(sizes[name].size_bytes for name in log) + sum(one.size_bytes for one in shipments)
    entries = [one.name for one in first.objects if one.name.startswith(LEDGER) and one.name not in there]
    return CopyPlan(log, shipments, size, tuple(sorted(entries)))


def plan_copy_prune(first: Contents, copy: Contents, retired: frozenset[str]) -> PrunePlan:
    """What the copy keeps no longer: nothing of a backup that is just being shipped.

    retired: those that the ledger of the first storage has given up. Just these go: what else is missing in
    the first storage may have been taken away.
    """
    retention = _as_first(copy, retired)
    plan = plan_deletions(copy, retention)
    apart = {one.id for one in first.archive.backups}.union(*retention.going)
    steps = tuple(
        step
        for step in plan.steps
        if step.title != "Unfinished" or not apart.intersection(map(backup_of, step.names))
    )
    return PrunePlan(plan.retention, steps, plan.hint)


def _as_first(copy: Contents, retired: frozenset[str]) -> Retention:
    """Nothing of what is retired stays, also where the copy has that entry, and it counts as no backup."""
    there = {backup for one in copy.objects if (backup := backup_of(one.name))}
    going = tuple(sorted(there & retired, reverse=True))
    kept = {one.id: "in the ledger" for one in copy.archive.backups if one.id not in retired}
    return Retention(kept=kept, going=(going,) if going else (), damaged={}, refusal=None)


def _log_of(backup: Manifest) -> set[str]:
    """The segments from its start to its mark."""
    return set(segments_between(backup.first_segment, backup.last_segment))


def _wanted(first: Contents, copy: Contents) -> Iterator[Manifest]:
    """Backups that the copy lacks, oldest first; a chain never without its beginning."""
    whole = {one.id for one in copy.archive.backups}
    there = whole | {name for name in copy.archive.damaged if _has_manifest(copy, name)}
    reachable, good = set(there), _good(first, copy, there)
    for backup in sorted((one for one in first.archive.backups if one.id in good), key=_place):
        if backup.id not in there and (backup.parent is None or backup.parent in reachable):
            reachable.add(backup.id)
            yield backup


def _good(first: Contents, copy: Contents, there: set[str]) -> set[str]:
    """Backups that can be restored, and those they build on: of these a restore reads no log, only the files.

    None that was found damaged, unless the copy has it already.
    """
    bad = first.found_damaged.keys() - there
    chains = (*_whole(first, first.archive.whole | copy.archive.whole), *_leading(first.archive))
    return {one.id for chain in chains if not bad & {one.id for one in chain} for one in chain}


def _whole(first: Contents, segments: frozenset[str]) -> Iterator[tuple[Manifest, ...]]:
    """Chains that can be restored on their own timeline, of whose end the whole log is there."""
    for one in catalog(first):
        if one.manifest and not one.flaw and _log_of(one.chain[-1]) <= segments:
            yield one.chain


def _leading(archive: Archive) -> Iterator[tuple[Manifest, ...]]:
    """Chains that lead to the present, also where it is a later timeline that has the last of their log."""
    with contextlib.suppress(OutOfReachError, DamagedBackupError):  # of a history that cannot be read
        usable = Usable(archive, way_of(archive, None))
        yield from map(usable.chain, usable.whole)


def _has_manifest(contents: Contents, backup: str) -> bool:
    """False for one that only the ledger names."""
    return any(one.name == manifest_of(backup) for one in contents.objects)


def _place(backup: Manifest) -> tuple[int, int]:
    return backup.timeline, parse_lsn(backup.mark.lsn)


def _shipment(first: Contents, there: dict[str, StoredObject], backup: Manifest) -> BackupShipment:
    findings = {verification_of(backup.id), damage_of(backup.id), manifest_of(backup.id)}
    objects = [
        one
        for one in first.objects
        if one.name.startswith(folder_of(backup.id)) and one.name not in findings and _differs(one, there)
    ]
    names, size = tuple(one.name for one in objects), sum(one.size_bytes for one in objects)
    return BackupShipment(backup, names, size, first.archive.whole & _log_of(backup))


def _differs(one: StoredObject, there: dict[str, StoredObject]) -> bool:
    found = there.get(one.name)
    return found is None or found.size_bytes != one.size_bytes


def is_replaced(name: str) -> bool:
    """Whether an object is written more than once: a segment's beginning, and what is not known here."""
    segment = segment_of(name)
    once = (MARKS, BACKUPS, LEDGER)
    return segment[1] if segment else history_of(name) is None and not name.startswith(once)


def _log(
    first: Contents, there: Mapping[str, StoredObject], shipped: Mapping[str, StoredObject]
) -> Iterator[str]:
    """Everything that belongs to no backup."""
    apart = (BACKUPS, WRITERS, REPOSITORY, LEDGER)
    for one in sorted((one for one in first.objects if not one.name.startswith(apart)), key=_turn):
        segment, partial = segment_of(one.name) or ("", False)
        if partial and (segment in first.archive.whole or segment_object(segment) in there):
            continue
        if one.name not in there or (is_replaced(one.name) and shipped.get(one.name) != one):
            yield one.name


def _turn(one: StoredObject) -> tuple[bool, bool, str]:
    return not one.name.startswith(WAL), segment_of(one.name) is not None, one.name


def _unneeded(first: Contents, copy: Contents, wanted: tuple[Manifest, ...]) -> set[str]:
    """Log and marks that no backup of the copy needs, neither there nor on its way there."""
    known = {one.id: one for one in (*copy.archive.backups, *first.archive.backups)}
    kept = {one.id for one in wanted} | {one.id for one in copy.archive.backups}
    if not kept:
        return set()
    # The first storage may have lost the manifest of a backup that the copy has.
    backups = tuple(sorted(known.values(), key=lambda one: (one.started_at, one.id)))
    seen = replace(first, archive=replace(first.archive, backups=backups))
    retention = Retention(kept=dict.fromkeys(sorted(kept), "in the copy"), going=(), damaged={}, refusal=None)
    plan = plan_deletions(seen, retention)
    return {name for step in plan.steps if step.title in ("Log", "Marks") for name in step.names}
