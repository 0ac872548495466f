"""Whose backups a storage holds: the cluster that made the first entry, and no other."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from stock_ops.kit.errors import ForeignStorageError
from stock_ops.storage.objects import BACKUPS, REPOSITORY, WAL, history_of, segment_of
from stock_ops.storage.storage import MissingObjectError, Storage, read_bytes, write_bytes
from stock_ops.storage.tags import is_tagged_json

FORMAT = 2
_WITHOUT_TAGS = 1


@dataclass(frozen=True, slots=True)
class Before:
    """What was in the storage before its objects carried tags: nothing else may be there without one."""

    objects: Mapping[str, str]
    """SHA-256 of each object of JSON, by its name."""
    segments: Mapping[str, str]
    """The last whole segment of each timeline, by the first 8 digits of its name."""
    others: frozenset[str]
    """Histories, and beginnings of segments on timelines that were left."""

    def has_log(self, name: str) -> bool:
        """Whether an object of the log may be without a tag."""
        segment, partial = segment_of(name) or ("", True)
        return name in self.others or (not partial and segment <= self.segments.get(segment[:8], ""))


@dataclass(frozen=True, slots=True)
class Owner:
    """repository.json."""

    system_identifier: str
    recipient: str
    created_at: datetime
    storage_id: str = ""
    """Drawn when the storage got its first tags; empty: its objects carry none."""
    before: Before | None = None
    """None: it is empty, or there was nothing."""


def read_owner(storage: Storage) -> Owner | None:
    """Whose storage it is; None for an empty one. Raises ForeignStorageError when that cannot be told."""
    try:
        return parse_owner(storage.where, read_bytes(storage, REPOSITORY))
    except MissingObjectError:
        return None


def parse_owner(where: str, data: bytes) -> Owner:
    """The owner in the text of repository.json. Raises ForeignStorageError."""
    try:
        found = json.loads(data)
        told, created = found["format"], datetime.fromisoformat(found["created_at"])
        owner = Owner(found["system_identifier"], found["recipient"], created, *_tagged(found))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"{where}: {REPOSITORY} makes no sense ({error})."
        raise ForeignStorageError(why, "Put that file back, or name another storage.") from error
    if told not in (_WITHOUT_TAGS, FORMAT):
        why = f"{where} is of a later release (format {told}, not {FORMAT})."
        raise ForeignStorageError(why, "Use that release, or name another storage.")
    return owner


def _tagged(found: dict[str, Any]) -> tuple[str, Before | None]:
    if found["format"] != FORMAT:
        return "", None
    before = found["before"]
    known = before and Before(
        dict(before["objects"]), dict(before["segments"]), frozenset(map(str, before["others"]))
    )
    return str(found["storage_id"]), known


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
        storage_id = uuid4().hex if _has_key(storage, recipient) else ""
        owner = Owner(system_identifier, recipient, datetime.now(UTC), storage_id)
        write_bytes(storage, REPOSITORY, _text(owner))
        if storage.authority:
            storage.authority.begin(storage_id)
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


def refuse_other_copy(copy: Storage, there: Owner, first: Owner) -> None:
    """Raise ForeignStorageError where a copy holds another storage's objects, of this cluster or not."""
    refuse_other(copy, there, first.system_identifier, first.recipient)
    if there.storage_id and there.storage_id != first.storage_id:
        raise ForeignStorageError(
            f"{copy.where} is the copy of another storage, begun on {there.created_at:%Y-%m-%d %H:%M}Z; "
            f"the present one was begun on {first.created_at:%Y-%m-%d %H:%M}Z. Nothing was written there.",
            "Keep it, and name an empty place in [[copy]] in backup.toml. To restore from it: "
            "stockops restore --storage PLACE",
        )


def authenticate(storage: Storage) -> bool:
    """From now on each object of the storage carries a tag; what is there already is written down.

    Only for the holder of the storage. False: that is so already, or cannot be while the key is not here.
    """
    owner = read_owner(storage)
    if owner is None or owner.storage_id or not _has_key(storage, owner.recipient):
        return False
    write_bytes(storage, REPOSITORY, _text(replace(owner, storage_id=uuid4().hex, before=_observe(storage))))
    return read_owner(storage) is not None


def _has_key(storage: Storage, recipient: str) -> bool:
    return storage.authority is not None and storage.authority.has_key(recipient)


def _observe(storage: Storage) -> Before:
    """What is there. The beginning of the newest segment is not: it is shipped again in a moment."""
    names = [one.name for one in storage.list()]
    digests = {
        name: hashlib.sha256(read_bytes(storage, name)).hexdigest()
        for name in names
        if is_tagged_json(name) and name != REPOSITORY
    }
    segments = sorted(found for name in names if (found := segment_of(name)))
    newest = max((segment[:8] for segment, _ in segments), default="")
    left = {
        name
        for name in names
        if history_of(name) or ((found := segment_of(name)) and found[1] and found[0][:8] != newest)
    }
    whole = {segment[:8]: segment for segment, partial in segments if not partial}
    return Before(digests, whole, frozenset(left))


def _text(owner: Owner) -> bytes:
    body: dict[str, Any] = {
        "format": FORMAT if owner.storage_id else _WITHOUT_TAGS,
        "system_identifier": owner.system_identifier,
        "recipient": owner.recipient,
        "created_at": owner.created_at.isoformat(),
    }
    if owner.storage_id:
        before = owner.before and {**asdict(owner.before), "others": sorted(owner.before.others)}
        body |= {"storage_id": owner.storage_id, "before": before}
    return json.dumps(body, indent=1).encode() + b"\n"
