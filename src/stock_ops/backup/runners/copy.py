"""Ship what a copy of the storage lacks, byte for byte, and delete there what the copy keeps no longer."""

import hashlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import BinaryIO

from stock_ops.archive.runners.lease import explain_copy
from stock_ops.backup.plans.copy import (
    BackupShipment,
    CopyPlan,
    is_replaced,
    plan_copy,
    plan_copy_prune,
)
from stock_ops.backup.runners.prune import delete_quietly
from stock_ops.kit.errors import DamagedBackupError, ForeignStorageError
from stock_ops.storage.authentic import innermost
from stock_ops.storage.cached import CachedStorage
from stock_ops.storage.facts.contents import Contents, read_contents
from stock_ops.storage.folder import FolderStorage
from stock_ops.storage.ledger import read_ledger
from stock_ops.storage.manifest import StoredPart
from stock_ops.storage.objects import BACKUPS, REPOSITORY, WAL, segment_object, segment_of
from stock_ops.storage.owner import read_owner, refuse_other_copy
from stock_ops.storage.storage import (
    ExistingObjectError,
    MissingObjectError,
    Storage,
    StorageError,
    StoredObject,
    delete_if_allowed,
    read_bytes,
    write_once,
)
from stock_ops.storage.writers import WRITERS, newest_writer, read_writers

log = logging.getLogger("stockops.backup")

_CHUNK_BYTES = 2**20

Histories = Callable[[], dict[int, str]]
"""Texts of the timelines' histories, as far as they are known: those in a storage are sealed."""


class Copier:
    """From one storage to another. Its methods block, and raise OpsError with what to do."""

    def __init__(self, first: Storage, copy: Storage, histories: Histories) -> None:
        self._histories = histories
        self.first, self.copy = innermost(first), innermost(copy)
        """As they are: an object is shipped with its tag."""
        self._seen_first, self._seen_copy = CachedStorage(first), CachedStorage(copy)
        self.shipped: dict[str, StoredObject] = {}
        """What is replaced now and then, as it was when this process shipped it last."""
        self._contents: tuple[Contents, Contents] | None = None

    def hold(self, *, known: bool) -> None:
        """See that the copy is ours, and note there who writes.

        known: something was shipped there before; it must not be empty then.
        Raises ForeignStorageError, TwoWritersError, StorageError.
        """
        owner, there = read_owner(self._seen_first), read_owner(self._seen_copy)
        if owner is None:
            raise StorageError(f"{self.first.where} is empty.", "The copy waits until it is not.")
        if there is None:
            self._refuse_unowned(known=known)
            _ship_once(self.first, self.copy, REPOSITORY)
        else:
            refuse_other_copy(self.copy, there, owner)
            if there.storage_id != owner.storage_id:
                _ship(self.first, self.copy, REPOSITORY)
        entries, holder = read_writers(self.first), newest_writer(self.copy)
        ours = {entry.instance for entry in entries}
        if holder and (holder.instance not in ours or holder.epoch > entries[-1].epoch):
            raise explain_copy(self.copy.where, holder, entries[-1] if entries else None)
        for one in self.first.list(WRITERS):
            _ship_once(self.first, self.copy, one.name)
        kept = {one.name for one in self.first.list(WRITERS)}
        for one in list(self.copy.list(WRITERS)):
            if one.name not in kept:
                delete_if_allowed(self.copy, one.name)

    def look(self) -> CopyPlan:
        """What the copy lacks now."""
        first, copy = self._read(self._seen_first), self._read(self._seen_copy)
        self._contents = first, copy
        return plan_copy(first, copy, self.shipped)

    @property
    def contents(self) -> Contents | None:
        """Of the copy, as it was looked at last."""
        return self._contents[1] if self._contents else None

    def ship_log(self, names: Iterable[str]) -> None:
        """Ship these objects in order; one that is gone meanwhile is not missed."""
        for name in names:
            try:
                if is_replaced(name):
                    self._ship_again(name)
                else:
                    _ship_once(self.first, self.copy, name)
            except MissingObjectError:
                continue
            segment, partial = segment_of(name) or ("", True)
            if not partial:
                delete_if_allowed(self.copy, segment_object(segment, partial=True))

    def ship_backup(self, shipment: BackupShipment) -> bool:
        """Ship a backup; False: the log that it needs is not there yet, or it is gone meanwhile.

        Raises DamagedBackupError when an object in the first storage is not what its manifest says.
        """
        parts = {part.name: part for part in shipment.backup.parts}
        try:
            for name in shipment.parts:
                _ship(self.first, self.copy, name, parts.get(name))
            if not shipment.log <= self._read(self._seen_copy).archive.whole:
                return False
            _ship_once(self.first, self.copy, shipment.manifest)
        except MissingObjectError:
            return False
        return True

    def prune(self) -> tuple[str, ...]:
        """Delete what the copy keeps no longer; returns what its retention lock keeps."""
        first, copy = self._read(self._seen_first), self._read(self._seen_copy)
        ledger = read_ledger(self._seen_first)
        retired = ledger.entry.retired if ledger else frozenset()
        return delete_quietly(plan_copy_prune(first, copy, retired).steps, self.copy)

    def _ship_again(self, name: str) -> None:
        """What it was before it was read: if it changed meanwhile, it goes again."""
        found = self.first.head(name)
        if found is None:
            raise MissingObjectError(name)
        _ship(self.first, self.copy, name)
        self.shipped[name] = found

    def _read(self, storage: Storage) -> Contents:
        found = read_contents(storage)
        return replace(found, archive=replace(found.archive, histories=self._histories()))

    def _refuse_unowned(self, *, known: bool) -> None:
        if known:
            raise StorageError(
                f"The copy {self.copy.where} is empty, and was not before.",
                "Mount the disk that holds it. If it is lost, name another place in [[copy]] in backup.toml.",
            )
        if next(iter(self.copy.list(BACKUPS)), None) or next(iter(self.copy.list(WAL)), None):
            raise ForeignStorageError(
                f"{self.copy.where} holds backups, but {REPOSITORY}, the record of their owner, is missing.",
                "Put that file back, or name an empty place in [[copy]] in backup.toml.",
            )


def sweep_copy(storage: Storage) -> None:
    """Remove what killed shipments left in a folder."""
    if isinstance(storage, FolderStorage):
        storage.sweep()


def _ship(first: Storage, copy: Storage, name: str, told: StoredPart | None = None) -> None:
    """Ship an object over an older one; told: what it must be."""
    digest, size = hashlib.sha256(), 0
    with first.open(name) as source, copy.create(name) as sink:
        while data := source.read(_CHUNK_BYTES):
            digest.update(data)
            size += len(data)
            _write(sink, data)
        if told and (size, digest.hexdigest()) != (told.stored_bytes, told.stored_sha256):
            raise DamagedBackupError(
                f"{name} in {first.where} is damaged; it was not shipped to {copy.where}.",
                "Make a new backup: stockops backup create --full",
            )


def _write(sink: BinaryIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[sink.write(rest) :]


def _ship_once(first: Storage, copy: Storage, name: str) -> None:
    """Ship an object that is never replaced; one that is there already must be the same."""
    data = read_bytes(first, name)
    try:
        write_once(copy, name, data)
    except ExistingObjectError:
        if read_bytes(copy, name) != data:
            raise explain_copy(copy.where, newest_writer(copy), newest_writer(first), name) from None
