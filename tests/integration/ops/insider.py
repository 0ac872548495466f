"""Who has the private key can write what counts as ours: for tests of what is found behind the tags."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from stock_ops.storage.authentic import AuthenticStorage
from stock_ops.storage.authority import Authority
from stock_ops.storage.folder import FolderStorage
from stock_ops.storage.keys import authentication_key, read_identity
from stock_ops.storage.ledger import dump_entry, read_ledger
from stock_ops.storage.manifest import Manifest, dump_manifest, load_manifest
from stock_ops.storage.objects import ledger_object, manifest_of
from stock_ops.storage.storage import read_bytes, write_bytes, write_once


def authentic(storage: Path, key: Path) -> AuthenticStorage:
    """A folder of backups with everything that is needed to write there."""
    inner = FolderStorage(storage)
    return AuthenticStorage(inner, Authority(inner, [authentication_key(read_identity(key))]))


def rewrite(storage: Path, backup: str, change: Callable[[Manifest], Manifest], key: Path) -> None:
    """Another manifest in a folder of backups, with a checksum, a tag and a ledger that fit it."""
    held = authentic(storage, key)
    text = dump_manifest(change(load_manifest(read_bytes(held, manifest_of(backup)))))
    write_bytes(held, manifest_of(backup), text)
    relist(storage, backup, key)


def relist(storage: Path, backup: str, key: Path) -> None:
    """Have the ledger name the manifest as it is now."""
    held = authentic(storage, key)
    before = read_ledger(held)
    assert before
    digest = hashlib.sha256(read_bytes(held, manifest_of(backup))).hexdigest()
    entry = before.entry
    after = replace(
        entry,
        number=entry.number + 1,
        previous=before.digest,
        backups={**entry.backups, backup: digest},
    )
    write_once(held, ledger_object(after.number), dump_entry(after))
