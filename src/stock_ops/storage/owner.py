"""Whose backups a storage holds: the cluster that made the first entry, and no other."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from stock_ops.kit.errors import ForeignStorageError
from stock_ops.storage.objects import BACKUPS, REPOSITORY, WAL
from stock_ops.storage.storage import MissingObjectError, Storage, read_bytes, write_bytes

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Owner:
    """repository.json."""

    system_identifier: str
    recipient: str
    created_at: datetime


def read_owner(storage: Storage) -> Owner | None:
    """Whose storage it is; None for an empty one. Raises ForeignStorageError when that cannot be told."""
    try:
        found = json.loads(read_bytes(storage, REPOSITORY))
        created = datetime.fromisoformat(found["created_at"])
        told, owner = found["format"], Owner(found["system_identifier"], found["recipient"], created)
    except MissingObjectError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        why = f"{storage.where}: {REPOSITORY} makes no sense ({error})."
        raise ForeignStorageError(why, "Put that file back, or name another storage.") from error
    if told != FORMAT:
        why = f"{storage.where} is of a later release (format {told}, not {FORMAT})."
        raise ForeignStorageError(why, "Use that release, or name another storage.")
    return owner


def claim(storage: Storage, system_identifier: str, recipient: str) -> Owner:
    """Make an empty storage ours, or see that it is.

    Raises ForeignStorageError when it holds the backups of another cluster, or ones sealed for another key.
    """
    owner = read_owner(storage)
    if owner is None:
        if next(iter(storage.list(BACKUPS)), None) or next(iter(storage.list(WAL)), None):
            raise ForeignStorageError(
                f"{storage.where} holds backups, but {REPOSITORY}, the record of their owner, is missing.",
                "Put that file back, or name an empty storage in backup.toml.",
            )
        owner = Owner(system_identifier, recipient, datetime.now(UTC))
        write_bytes(storage, REPOSITORY, _text(owner))
        owner = read_owner(storage) or owner
    refuse_other(storage, owner, system_identifier, recipient)
    return owner


def refuse_other(storage: Storage, owner: Owner, system_identifier: str, recipient: str) -> None:
    """Raise ForeignStorageError unless the owner is this cluster, with this key."""
    if owner.system_identifier != system_identifier:
        raise ForeignStorageError(
            f"{storage.where} holds the backups of another database cluster "
            f"({owner.system_identifier}; this one is {system_identifier}). Nothing was written there.",
            "Name a storage of its own for this instance in backup.toml.",
        )
    if owner.recipient != recipient:
        raise ForeignStorageError(
            f"{storage.where} holds backups that are sealed for another key ({owner.recipient}).",
            "Bring back config/backup-recipient.txt and its key, or name an empty storage in backup.toml.",
        )


def _text(owner: Owner) -> bytes:
    body = {
        "format": FORMAT,
        "system_identifier": owner.system_identifier,
        "recipient": owner.recipient,
        "created_at": owner.created_at.isoformat(),
    }
    return json.dumps(body, indent=1).encode() + b"\n"
