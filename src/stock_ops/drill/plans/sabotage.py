"""The damages that a sabotage drill does, and by which words each of them must be found. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from stock_ops.drill.plans.damages import Cut, Damage, Flipped, Lost, Owned, Swapped
from stock_ops.drill.plans.forgeries import Forgery
from stock_ops.drill.plans.journal import Check
from stock_ops.restore.plans.recovery import Choice
from stock_ops.storage.facts.archive import Archive
from stock_ops.storage.manifest import Manifest, dump_manifest
from stock_ops.storage.objects import base_of, dump_of, manifest_of, segment_object
from stock_ops.storage.timelines import Held

Reach = Literal["backup", "log", "dump", "key", "schema", "value", "rows"]
"""How far a restore goes: to the opened backup, to the log, to the dump; with a strange key; to the restored
data, compared with the damaged manifest, after one value was changed, after one table was emptied."""

_LATER = 1000
"""So many migrations ahead: no release knows that schema."""


@dataclass(frozen=True, slots=True)
class Sabotage:
    """One damage."""

    name: str
    label: str
    title: str
    reach: Reach
    named: str = ""
    """What the error must name; where restored data are damaged, beside the table, which is chosen there."""
    damage: Damage | None = None

    @property
    def check(self) -> Check:
        """That it is found."""
        return Check(self.name, self.label, self.title, "damage")


def sabotages(
    archive: Archive, choice: Choice, sizes: Mapping[str, int], forged: Iterable[Forgery] = ()
) -> tuple[Sabotage, ...]:
    """Every damage that there is something for in the storage.

    choice: what a restore of the undamaged storage would take. sizes: of all objects.
    """
    objects, log = _of_objects(archive, choice, sizes), _of_log(archive, choice, sizes)
    return (*objects, *log, *map(_forged, forged), *_OF_DATA)


def _forged(one: Forgery) -> Sabotage:
    reach: Reach = "log" if one.in_log else "backup"
    return Sabotage(one.name, one.label, one.title, reach, one.named, one.damage)


def _of_objects(archive: Archive, choice: Choice, sizes: Mapping[str, int]) -> Iterator[Sabotage]:
    backup, first = choice.backup, base_of(choice.chain[0].id)
    base = base_of(backup.id)
    yield Sabotage(
        "cut_base", "Base cut short", "Half of a base archive", "backup", first, Cut(first, sizes[first] // 2)
    )
    yield Sabotage(
        "flip_base", "Bit in base", "A flipped bit in a base archive", "backup", base, _flip(base, sizes)
    )
    if dump := newest_dump(archive):
        name = dump_of(dump.id)
        yield Sabotage(
            "flip_dump", "Bit in dump", "A flipped bit in a dump", "dump", name, _flip(name, sizes)
        )
    yield Sabotage(
        "flip_manifest",
        "Bit in manifest",
        "A flipped bit in a manifest",
        "backup",
        backup.id,
        _flip(manifest_of(backup.id), sizes),
    )
    other = _another_base(archive, backup) or _object_of(choice.wal[0])
    yield Sabotage(
        "swap_base",
        "Base swapped",
        f"A base archive has changed places with {other}",
        "backup",
        base,
        Swapped(base, other),
    )
    yield Sabotage("wrong_key", "Wrong key", "A key that is not that of the backups", "key", "key")
    older, later = backup.schema_version - 1, backup.schema_version + _LATER
    yield Sabotage(
        "older_schema",
        "Older schema",
        f"A manifest of schema {older} with data of schema {backup.schema_version}",
        "schema",
        f"version {backup.schema_version}, not {older}",
        _of_schema(backup, older),
    )
    yield Sabotage(
        "later_schema",
        "Later schema",
        f"A backup of schema {later}, which this release does not know",
        "backup",
        f"version {later}",
        _of_schema(backup, later),
    )


def _of_log(archive: Archive, choice: Choice, sizes: Mapping[str, int]) -> Iterator[Sabotage]:
    """In the first segment: without it the backup alone is of no use."""
    held = choice.wal[0]
    name = _object_of(held)
    yield Sabotage(
        "flip_log",
        "Bit in log",
        "A flipped bit in a segment of the log",
        "log",
        held.name,
        _flip(name, sizes),
    )
    yield Sabotage(
        "lose_log", "Log missing", "A segment of the log is missing", "backup", held.name, Lost(name)
    )
    if other := _another_segment(held, archive):
        yield Sabotage(
            "swap_log",
            "Log swapped",
            "Two segments of the log have changed places",
            "log",
            held.name,
            Swapped(name, other),
        )


_OF_DATA = (
    Sabotage(
        "change_value", "Value changed", "One value of one row, changed a little", "value", "other rows"
    ),
    Sabotage("empty_table", "Table emptied", "One table of the restored data, emptied", "rows", "0 rows"),
)


def newest_dump(archive: Archive) -> Manifest | None:
    """The newest backup that has a logical dump."""
    return next((backup for backup in reversed(archive.backups) if backup.part("dump")), None)


def _flip(name: str, sizes: Mapping[str, int]) -> Flipped:
    return Flipped(name, sizes[name] // 2)


def _object_of(held: Held) -> str:
    return segment_object(held.name, partial=held.partial)


def _another_base(archive: Archive, backup: Manifest) -> str | None:
    others = (base_of(one.id) for one in reversed(archive.backups) if one.id != backup.id)
    return next((name for name in others if name in archive.sizes), None)


def _another_segment(held: Held, archive: Archive) -> str | None:
    others = sorted(archive.whole - {held.name}, reverse=True)
    return segment_object(others[0]) if others else None


def _of_schema(backup: Manifest, version: int) -> Owned:
    return Owned(backup.id, dump_manifest(replace(backup, schema_version=version)))
