"""Which backups are kept, and why. Pure.

Invariant: what stays can be restored as before. There always stay the last backup that was verified, the last
that looks whole, and the last that leads to the present; with each backup its whole chain, that is, all it
builds on and all that builds on it. What is damaged goes only when something verified is newer.

No clock is believed. Which of two backups is the newer one, their places in the log tell. How old a backup
is, the later backups tell: from each to the next, both the clock of the machine (marks) and that of the
storage must have moved, and no step counts for more than STEP. A clock that jumps a year ahead makes nothing
a year old. The present time decides one thing only: when it lies before the newest backup, or keep_days after
it, nothing is deleted by age.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from stock_ops.backup.plans.catalog import Entry, catalog
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.storage.facts.contents import Contents
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.objects import history_of, manifest_of, moment_of
from stock_ops.storage.timelines import Way, holds, way_to
from stock_ops.storage.wal import parse_lsn

CLOCK = timedelta(minutes=1)
"""Clocks of two machines may lie so far apart."""
STEP = timedelta(days=2)
"""Backups are made daily, so this allows for one that was missed."""


Hindrance = Literal["backup-damaged", "clock-jumped", "key-missing"]
"""Each is the name of a warning, and so of a runbook."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no backup is deleted by age, and what to do about it."""

    kind: Hindrance
    why: str
    todo: str


@dataclass(frozen=True, slots=True)
class Retention:
    """The decision about each backup."""

    kept: Mapping[str, str]
    """Those that stay, and why; oldest first."""
    going: tuple[tuple[str, ...], ...]
    """The chains that go, the oldest one first; each from its youngest backup to the full one."""
    damaged: Mapping[str, str]
    """Those that cannot be restored, and why."""
    refusal: Refusal | None
    """Why nothing at all is deleted by age; no mark and no log either."""


@dataclass(frozen=True, slots=True)
class _Aged:
    """A backup, and how old it is at least."""

    entry: Entry
    age: timedelta

    @property
    def id(self) -> str:
        return self.entry.id


def retain(contents: Contents, settings: BackupSettings, now: datetime) -> Retention:
    """Decide about every backup.

    now: by this machine's clock. contents: with the histories of its timelines, as far as they are known;
    where one is not, nothing goes that it might lead to.
    """
    line = _line(contents)
    reasons = dict(_reasons(line, contents, settings))
    refusal = _refusal(contents, line, settings, now) if line else None
    chains = _chains(line)
    kept = {name: why for chain in chains for name, why in _kept(chain, reasons)}
    if refusal:
        kept = {one.id: kept.get(one.id, "nothing is deleted by age now") for one in line}
    return Retention(
        kept={one.id: kept[one.id] for one in line if one.id in kept},
        going=tuple(tuple(one.id for one in reversed(chain)) for chain in chains if chain[0].id not in kept),
        damaged={one.id: one.entry.flaw for one in line if one.entry.flaw},
        refusal=refusal,
    )


def leads_to(histories: Mapping[int, str], backup: Manifest, timeline: int) -> bool | None:
    """Whether the log of a timeline goes on from a backup; None where that cannot be told."""
    if timeline <= backup.timeline:
        return timeline == backup.timeline
    way = _way_if_known(histories, timeline)
    return None if way is None else holds(way, backup.timeline, parse_lsn(backup.mark.lsn))


def _way_if_known(histories: Mapping[int, str], timeline: int) -> Way | None:
    """The way to a timeline; None where its history is not known. The first one has none."""
    if timeline == 1:
        return way_to(1, None)
    try:
        return way_to(timeline, histories[timeline])
    except (KeyError, ValueError):
        return None


def _line(contents: Contents) -> list[_Aged]:
    """All backups, oldest first, by their places in the log; the unreadable ones by their names."""
    entries = catalog(contents)
    line = _aged(
        [one for one in entries if one.manifest], {one.name: one.modified for one in contents.objects}
    )
    for entry in (one for one in entries if one.manifest is None):
        later = (at for at, one in enumerate(line) if moment_of(one.id) > moment_of(entry.id))
        place = next(later, len(line))
        line.insert(place, _Aged(entry, line[place].age if place < len(line) else timedelta(0)))
    return line


def _aged(entries: list[Entry], stored: Mapping[str, datetime]) -> list[_Aged]:
    line: list[_Aged] = []
    for entry in sorted(entries, key=_place, reverse=True):
        age = timedelta(0)
        if line:
            after = line[0]
            by_storage = stored[manifest_of(after.id)] - stored[manifest_of(entry.id)]
            by_marks = _manifest(after.entry).mark.at - _manifest(entry).mark.at
            age = after.age + max(timedelta(0), min(by_marks, by_storage, STEP))
        line.insert(0, _Aged(entry, age))
    return line


def _place(entry: Entry) -> tuple[int, int, str]:
    manifest = _manifest(entry)
    return manifest.timeline, parse_lsn(manifest.mark.lsn), entry.id


def _manifest(entry: Entry) -> Manifest:
    if entry.manifest is None:
        raise ValueError(f"the manifest of {entry.id} cannot be read")
    return entry.manifest


def _reasons(line: list[_Aged], contents: Contents, settings: BackupSettings) -> Iterator[tuple[str, str]]:
    """Why each backup stays on its own account, the last reason told counts; the others may go."""
    whole = [one for one in line if not one.entry.flaw]
    verified = [at for at, one in enumerate(line) if not one.entry.flaw and one.entry.verification]
    for one in line[verified[-1] if verified else 0 :]:
        if one.entry.flaw:
            yield one.id, "damaged, but no verified backup is newer"
    for one in [one for one in whole if _manifest(one.entry).kind == "full"][-settings.keep_full :]:
        yield one.id, f"one of the {settings.keep_full} newest full ones"
    for one in line:
        if one.age < timedelta(days=settings.keep_days):
            yield one.id, f"younger than {settings.keep_days} days"
    for one in [one for one in whole if _leads_to_present(one, contents)][-1:]:
        yield one.id, "the newest that leads to the present"
    for one in whole[-1:]:
        yield one.id, "the newest that is whole"
    for at in verified[-1:]:
        yield line[at].id, "the last one that was verified"


def _leads_to_present(one: _Aged, contents: Contents) -> bool | None:
    return leads_to(contents.archive.histories, _manifest(one.entry), _present(contents))


def _present(contents: Contents) -> int:
    """The newest timeline, also where its history is sealed for us."""
    sealed = (history_of(one.name) for one in contents.objects)
    return max(contents.archive.timeline, *(int(name[:8], 16) for name in sealed if name), 1)


def _chains(line: list[_Aged]) -> list[list[_Aged]]:
    """The backups in chains, each oldest first, in the order of their youngest."""
    parents = {one.id: one.entry.manifest.parent for one in line if one.entry.manifest}
    chains: dict[str, list[_Aged]] = {}
    for one in line:
        full = one.id
        while parent := parents.get(full):
            full = parent
        chains[full] = [*chains.pop(full, []), one]
    return list(chains.values())


def _kept(chain: list[_Aged], reasons: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    holding = next((one.id for one in reversed(chain) if one.id in reasons), None)
    if holding is not None:
        for one in chain:
            yield one.id, reasons.get(one.id, f"of one chain with {holding}")


def _refusal(
    contents: Contents, line: list[_Aged], settings: BackupSettings, now: datetime
) -> Refusal | None:
    whole = [one for one in line if not one.entry.flaw]
    return _refusal_of_clock(line, settings, now) or _refusal_of_present(whole, contents)


def _refusal_of_clock(line: list[_Aged], settings: BackupSettings, now: datetime) -> Refusal | None:
    newest = next((one for one in reversed(line) if one.entry.manifest), None)
    if newest is None:
        return None
    age = now - _manifest(newest.entry).mark.at
    if -CLOCK <= age <= timedelta(days=settings.keep_days):
        return None
    told = "is from the future" if age < -CLOCK else f"is {age.days} days old"
    return Refusal(
        "clock-jumped",
        f"By the clock of this machine, the newest backup, {newest.id}, {told}. {_NOTHING}",
        "Check the clock, make a backup (stockops backup create), and prune again.",
    )


def _refusal_of_present(whole: list[_Aged], contents: Contents) -> Refusal | None:
    leading, present = [_leads_to_present(one, contents) for one in whole], _present(contents)
    if any(leading):
        return None
    if None in leading:
        return Refusal(
            "key-missing",
            f"The history of timeline {present} is sealed or lost: the backups that lead to it are unknown. "
            f"{_NOTHING}",
            "Bring back the private key (key_file in backup.toml), or make a backup; then prune again.",
        )
    return Refusal(
        "backup-damaged",
        f"No whole backup leads to the present (timeline {present}). {_NOTHING}",
        "Make one: stockops backup create --full",
    )


_NOTHING = "Nothing is deleted by age."
