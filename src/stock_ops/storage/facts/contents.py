"""The contents of a storage: backups, write-ahead log, timelines, marks, verifications."""

import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from stock_ops.kit.errors import DamagedBackupError
from stock_ops.storage.authority import ForgedObjectError
from stock_ops.storage.envelope import fetch
from stock_ops.storage.facts.archive import Archive
from stock_ops.storage.ledger import Ledger, find_flaws, find_lost_end, find_lost_marks, read_ledger
from stock_ops.storage.manifest import Manifest, ManifestError, load_manifest
from stock_ops.storage.marks import MARKS, NamedMark, load_mark
from stock_ops.storage.objects import (
    BACKUPS,
    backup_of,
    damage_of,
    history_of,
    manifest_of,
    segment_of,
    verification_of,
)
from stock_ops.storage.owner import Owner, read_owner
from stock_ops.storage.storage import MissingObjectError, Storage, StoredObject, read_bytes
from stock_ops.storage.verification import Damage, Verification, load_damage, load_verification


@dataclass(frozen=True, slots=True)
class Contents:
    """A storage at one moment."""

    archive: Archive
    objects: tuple[StoredObject, ...]
    """All of them, by name."""
    verifications: Mapping[str, Verification]
    """Of the backups that were ever found whole."""
    found_damaged: Mapping[str, Damage] = field(default_factory=dict)
    """Backups whose last verification found something wrong."""

    @property
    def used_bytes(self) -> int:
        """Size of all objects."""
        return sum(one.size_bytes for one in self.objects)

    @property
    def unfinished(self) -> frozenset[str]:
        """Backups that have objects and no manifest: they were cut off, or are being made."""
        begun = {backup for one in self.objects if (backup := backup_of(one.name))}
        return frozenset(begun - {backup.id for backup in self.archive.backups} - self.archive.damaged.keys())


def read_contents(storage: Storage, identity: str | None = None) -> Contents:
    """Look at every object, and read the small ones; what is forged does not count, and is told.

    identity: the private key; without it the histories of timelines stay unread, for they are sealed.
    Raises StorageError, ForeignStorageError, ForgedObjectError, and WrongKeyError for a history.
    """
    owner = read_owner(storage)
    ledger = read_ledger(storage)
    objects = tuple(storage.list())
    names = {one.name for one in objects}
    backups, damaged, forged = _read_manifests(storage, names, ledger)
    marks = _read_marks(storage, names, forged)
    segments = [found for name in names if (found := segment_of(name))]
    archive = Archive(
        where=storage.where,
        system_identifier=owner.system_identifier if owner else "",
        backups=backups,
        damaged=damaged,
        sizes={one.name: one.size_bytes for one in objects if one.name.startswith(BACKUPS)},
        whole=frozenset(name for name, partial in segments if not partial),
        partial=frozenset(name for name, partial in segments if partial),
        histories=_read_histories(storage, names, identity) if identity else {},
        marks=tuple(marks),
        unproven=_find_unproven(storage, owner, backups),
        findings=(*forged, *find_lost_marks(ledger, names)),
        lost_end=find_lost_end(ledger, names),
    )
    verifications, found_damaged = _read_findings(storage, names, backups)
    return Contents(archive, objects, verifications, found_damaged)


def read_archive(storage: Storage, identity: str | None = None) -> Archive:
    """The archive of a storage; as read_contents."""
    return read_contents(storage, identity).archive


def _find_unproven(storage: Storage, owner: Owner | None, backups: Iterable[Manifest]) -> dict[str, str]:
    authority = storage.authority
    if authority is None or owner is None:
        return {}
    if authority.checks:
        before = owner.before.objects if owner.before else {}
        return {one.id: _BEFORE for one in backups if manifest_of(one.id) in before}
    return dict.fromkeys((one.id for one in backups), authority.unchecked or _BEFORE)


def _read_manifests(
    storage: Storage, names: set[str], ledger: Ledger | None
) -> tuple[tuple[Manifest, ...], dict[str, str], list[str]]:
    """The backups, those that are damaged, and what is forged among these.

    Without the backups that were retired, of which something may be left.
    """
    retired = ledger.entry.retired if ledger else frozenset()
    found: list[Manifest] = []
    damaged: dict[str, str] = {}
    forged: dict[str, str] = {}
    digests: dict[str, str] = {}
    for backup in sorted({backup for name in names if (backup := backup_of(name))} - retired):
        if manifest_of(backup) not in names:
            continue
        try:
            text = read_bytes(storage, manifest_of(backup))
            digests[backup] = hashlib.sha256(text).hexdigest()
            manifest = load_manifest(text)
            if manifest.id == backup:
                found.append(manifest)
            else:
                damaged[backup] = f"its manifest is that of {manifest.id}"
        except MissingObjectError:
            continue
        except ManifestError as error:
            damaged[backup] = str(error)
        except ForgedObjectError as error:
            digests[backup] = ""
            forged[backup] = f"its manifest is not what this instance wrote: {error.reason}"
    forged = find_flaws(ledger, digests) | forged
    damaged = damaged | forged
    whole = (one for one in found if one.id not in damaged)
    told = [f"{backup}: {why}" for backup, why in forged.items()]
    return tuple(sorted(whole, key=_begun)), damaged, told


def _begun(manifest: Manifest) -> tuple[datetime, str]:
    return manifest.started_at, manifest.id


def _read_histories(storage: Storage, names: set[str], identity: str) -> dict[int, str]:
    """One that is damaged has no text: it leads nowhere, and its timeline is taken all the same."""
    histories = ((history, name) for name in sorted(names) if (history := history_of(name)))
    return {int(history[:8], 16): _read_history(storage, name, identity) for history, name in histories}


def _read_history(storage: Storage, name: str, identity: str) -> str:
    text = io.BytesIO()
    try:
        fetch(storage, name, text, identity)
    except DamagedBackupError:
        return ""
    return text.getvalue().decode("ascii", "replace")


def _read_marks(storage: Storage, names: set[str], forged: list[str]) -> list[NamedMark]:
    """The marks; what is wrong with those that are forged is added to a list."""
    found = []
    for name in sorted(one for one in names if one.startswith(MARKS)):
        try:
            mark = load_mark(read_bytes(storage, name))
        except MissingObjectError:
            continue
        except ForgedObjectError as error:
            forged.append(f"{name} is not what this instance wrote: {error.reason}")
            continue
        found += [mark] if mark else []
    return found


def _read_findings(
    storage: Storage, names: set[str], backups: Iterable[Manifest]
) -> tuple[dict[str, Verification], dict[str, Damage]]:
    whole, damaged = {}, {}
    for backup in backups:
        good, bad = verification_of(backup.id), damage_of(backup.id)
        if good in names and (verification := load_verification(_read(storage, good))):
            whole[backup.id] = verification
        if bad in names and (damage := load_damage(_read(storage, bad))):
            damaged[backup.id] = damage
    return whole, damaged


def _read(storage: Storage, name: str) -> bytes:
    """A small object; one that was deleted since it was listed, or is forged, is empty."""
    try:
        return read_bytes(storage, name)
    except (MissingObjectError, ForgedObjectError):
        return b""


_BEFORE = "it was made before this instance authenticated its backups"
