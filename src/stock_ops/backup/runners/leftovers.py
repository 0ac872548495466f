"""Leftovers of backups that were cut off: objects without a manifest, and unfinished files."""

from collections.abc import Iterable

from stock_ops.kit.layout import Layout
from stock_ops.storage.authentic import innermost
from stock_ops.storage.facts.contents import Contents
from stock_ops.storage.folder import FolderStorage
from stock_ops.storage.known import remember
from stock_ops.storage.ledger import add_entry, read_ledger
from stock_ops.storage.objects import folder_of, is_backup_id, manifest_of
from stock_ops.storage.storage import Storage, delete_if_allowed


def clear_leftovers(storage: Storage, contents: Contents) -> None:
    """Remove the objects of every unfinished backup. Only for the holder of the lock of the backups."""
    for backup in sorted(contents.unfinished):
        discard_backup(storage, backup)
    sweep(storage)


def sweep(storage: Storage) -> int:
    """Remove the leftovers of killed writers in a folder; returns how many files. A bucket shows none."""
    folder = innermost(storage)
    return folder.sweep() if isinstance(folder, FolderStorage) else 0


def take_back(layout: Layout, storage: Storage, backup: str) -> None:
    """Remove a backup that could not be finished, also from the ledger. Raises OpsError."""
    ledger = read_ledger(storage)
    if ledger and backup in ledger.entry.backups:
        remember(layout, storage, add_entry(storage, retire=[backup]))
    discard_backup(storage, backup)


def discard_backup(storage: Storage, backup: str) -> None:
    """Remove all objects of a backup: the manifest first, so that no part of a backup is taken for one."""
    storage.delete(manifest_of(backup))
    for one in list(storage.list(folder_of(backup))):
        delete_if_allowed(storage, one.name)


def forget_manifests(layout: Layout, kept: Iterable[str]) -> None:
    """Remove PostgreSQL's own manifests of backups that are no more."""
    known = frozenset(kept)
    for path in layout.manifests.iterdir():
        if is_backup_id(path.name) and path.name not in known:
            path.unlink(missing_ok=True)
