"""Which objects a copy of the storage lacks, in the order in which they are shipped. Pure.

Invariant: whatever cuts the shipping off, the copy can be restored as far as it got. An object is shipped as
it is, byte for byte. A backup's manifest goes last, and only when the copy has all of its log that the first
storage has. What the copy's own retention would delete again is not shipped, so that shipping and deleting
come to rest.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from stock_ops.backup.plans.catalog import catalog
from stock_ops.backup.plans.prune import PrunePlan, plan_deletions
from stock_ops.backup.plans.retention import Retention, retain
from stock_ops.kit.backup_settings import BackupSettings
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
    first: Contents,
    copy: Contents,
    settings: BackupSettings,
    now: datetime,
    shipped: Mapping[str, StoredObject] = MappingProxyType({}),
) -> CopyPlan:
    """What to ship from the first storage to a copy of it.

    settings: of the copy. shipped: what is replaced now and then, as it was when it was shipped last, for no
    clock tells whether it is newer. Both contents with the histories of their timelines, as far as known.
    """
    sizes = {one.name: one for one in first.objects}
    there = {one.name: one for one in copy.objects}
    wanted = tuple(_wanted(first, copy, settings, now))
    shipments = tuple(_shipment(first, there, one) for one in wanted)
    unneeded = _unneeded(first, copy, wanted)
    log = tuple(name for name in _log(first, there, shipped) if name not in unneeded)
    size = sum(sizes[name].size_bytes for name in log) + sum(one.size_bytes for one in shipments)
    entries = [one.name for one in first.objects if one.name.startswith(LEDGER) and one.name not in there]
    return CopyPlan(log, shipments, size, tuple(sorted(entries)))


def plan_copy_prune(
    first: Contents,
    copy: Contents,
    settings: BackupSettings,
    now: datetime,
    retired: frozenset[str] = frozenset(),
) -> PrunePlan:
    """What the copy keeps no longer, by its own settings; nothing of a backup that is just being shipped.

    retired: those that the ledger of the first storage has given up. Where there is one, just these go: what
    else is missing in the first storage may have been taken away.
    """
    retention = retain(copy, settings, now)
    if _has_ledger(first):
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


def _wanted(first: Contents, copy: Contents, settings: BackupSettings, now: datetime) -> Iterator[Manifest]:
    """Backups that the copy lacks and would keep, oldest first; a chain never without its beginning."""
    whole = {one.id for one in copy.archive.backups}
    there = whole | {name for name in copy.archive.damaged if _has_manifest(copy, name)}
    oldest = min((_place(one) for one in copy.archive.backups), default=None)
    reachable, good = set(there), _good(first, copy, there)
    chains = () if _has_ledger(first) else retain(_together(first, copy, good), settings, now).going
    going = {name for chain in chains for name in chain}
    for backup in sorted((one for one in first.archive.backups if one.id in good), key=_place):
        if backup.id in there or backup.id in going:
            continue
        if oldest is not None and _place(backup) < oldest and not _has_ledger(first):
            continue
        if backup.parent is None or backup.parent in reachable:
            reachable.add(backup.id)
            yield backup


def _together(first: Contents, copy: Contents, good: set[str]) -> Contents:
    """The copy as if it had these backups of the first storage: what it would not keep is not shipped."""
    known = {one.id for one in copy.archive.backups}
    more = tuple(one for one in first.archive.backups if one.id in good - known)
    names = {one.name for one in copy.objects}
    return replace(
        copy,
        archive=replace(
            copy.archive,
            backups=tuple(sorted((*copy.archive.backups, *more), key=lambda one: (one.started_at, one.id))),
            sizes={**first.archive.sizes, **copy.archive.sizes},
            whole=first.archive.whole | copy.archive.whole,
            partial=first.archive.partial | copy.archive.partial,
        ),
        objects=(*copy.objects, *(one for one in first.objects if one.name not in names)),
    )


def _good(first: Contents, copy: Contents, there: set[str]) -> set[str]:
    """Backups that can be restored, and those they build on: of these a restore reads no log, only the files.

    None that was found damaged, unless the copy has it already.
    """
    whole, bad = first.archive.whole | copy.archive.whole, first.found_damaged.keys() - there
    restorable = (one for one in catalog(first) if one.manifest and not one.flaw)
    chains = (one.chain for one in restorable if _log_of(one.chain[-1]) <= whole)
    return {one.id for chain in chains if not bad & {one.id for one in chain} for one in chain}


def _has_manifest(contents: Contents, backup: str) -> bool:
    """False for one that only the ledger names."""
    return any(one.name == manifest_of(backup) for one in contents.objects)


def _has_ledger(contents: Contents) -> bool:
    """Whether a ledger names what is there: then a copy keeps what the first storage keeps."""
    return any(one.name.startswith(LEDGER) for one in contents.objects)


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
    ids = {one.id for one in wanted} | {one.id for one in copy.archive.backups}
    known = {one.id for one in first.archive.backups}
    kept = dict.fromkeys(sorted(ids & known), "in the copy")
    if not kept:
        return set()
    plan = plan_deletions(first, Retention(kept=kept, going=(), damaged={}, refusal=None))
    return {name for step in plan.steps if step.title in ("Log", "Marks") for name in step.names}
