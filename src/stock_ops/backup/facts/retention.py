"""The facts behind deleting old backups: the storage, its owner, its contents, and the time."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from stock_ops.archive.facts.server import server_histories, system_identifier_of
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.layout import Layout
from stock_ops.storage.facts.contents import Contents, read_contents
from stock_ops.storage.facts.keys import observe_keys
from stock_ops.storage.facts.place import open_storage
from stock_ops.storage.keys import read_identity
from stock_ops.storage.owner import Owner, read_owner
from stock_ops.storage.storage import Storage


@dataclass(frozen=True, slots=True)
class RetentionFacts:
    """A storage at one moment, and the instance that asks."""

    settings: BackupSettings
    storage: Storage
    owner: Owner | None
    """The owner of the storage; None: it has none yet."""
    system_identifier: str | None
    """Of the cluster in place; None where there is none."""
    recipient: str | None
    """The public key that seals this instance's backups; None before it made some."""
    contents: Contents
    now: datetime


def observe_retention(layout: Layout, settings: BackupSettings) -> RetentionFacts:
    """Look at everything; changes nothing. Raises StorageError, ForeignStorageError."""
    storage = open_storage(layout, settings)
    keys = observe_keys(layout, settings)
    opens = keys.recipient is not None and keys.opens == keys.recipient
    return RetentionFacts(
        settings=settings,
        storage=storage,
        owner=read_owner(storage),
        system_identifier=system_identifier_of(layout),
        recipient=keys.recipient,
        contents=_with_histories(
            read_contents(storage, read_identity(settings.key_file) if opens else None),
            server_histories(layout),
        ),
        now=datetime.now(UTC),
    )


def _with_histories(contents: Contents, known: dict[int, str]) -> Contents:
    """Where the key is not here, or one of them is damaged, the server still knows its own past."""
    archive = contents.archive
    readable = {timeline: text for timeline, text in archive.histories.items() if text}
    return replace(contents, archive=replace(archive, histories={**known, **readable}))
