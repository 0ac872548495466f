"""The manifest of a backup: its parts, its needs, and the content that a restore must bring back."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from stock_ops.storage.envelope import Sealed
from stock_ops.storage.objects import Kind, is_backup_id
from stock_ops.storage.tags import MEMBER

FORMAT = 2
_KNOWN = (1, FORMAT)
"""Format 1 names no blocks."""

Role = Literal["base", "dump", "valkey"]


class ManifestError(ValueError):
    """A manifest that makes no sense, or is not the text that was written."""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """One object of a backup. Sizes in bytes; plain is what was sealed, stored what lies in the storage."""

    name: str
    role: Role
    plain_bytes: int
    plain_sha256: str
    stored_bytes: int
    stored_sha256: str
    stored_blocks: tuple[str, ...] = ()
    """SHA-256 of each piece of BLOCK_BYTES of it; empty in manifests of before."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The restore point that recovery to this backup ends at; the content was measured exactly there."""

    name: str
    lsn: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TableContent:
    """The content of a table, a partition or a hypertable's chunk; row order does not change the checksum."""

    table: str
    rows: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """One backup."""

    id: str
    kind: Kind
    parent: str | None
    """The backup an incremental one is the difference to."""
    system_identifier: str
    timeline: int
    start_lsn: str
    stop_lsn: str
    mark: Mark
    first_segment: str
    last_segment: str
    """Recovery to the mark reads the write-ahead log from the first segment to this one."""
    started_at: datetime
    finished_at: datetime
    duration_s: float
    """Of the base backup alone, from the first byte to the last."""
    postgresql: str
    schema_version: int
    extensions: dict[str, str]
    structure_sha256: str
    content: tuple[TableContent, ...]
    parts: tuple[StoredPart, ...]
    valkey_keys: int
    compression_level: int

    def part(self, role: Role) -> StoredPart | None:
        """The object with that role."""
        return next((part for part in self.parts if part.role == role), None)

    @property
    def stored_bytes(self) -> int:
        """Its size in the storage."""
        return sum(part.stored_bytes for part in self.parts)

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.content)


def stored_part(role: Role, name: str, sealed: Sealed) -> StoredPart:
    """An object that was just sealed."""
    return StoredPart(name, role, **dataclasses.asdict(sealed))


def dump_manifest(manifest: Manifest) -> bytes:
    """JSON with a checksum of itself."""
    body = {"format": FORMAT, **dataclasses.asdict(manifest)}
    return _text({**body, "sha256": _digest(body)}) + b"\n"


def load_manifest(data: bytes) -> Manifest:
    """The manifest in a JSON text.

    Raises ManifestError when the text was changed, is incomplete, or is of a later format.
    """
    try:
        body = json.loads(data)
        body.pop(MEMBER, None)
        told, written = body.pop("sha256"), body.get("format")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ManifestError(f"it is no manifest: {error}") from error
    if _digest(body) != told:
        raise ManifestError("its checksum does not fit its text")
    if written not in _KNOWN:
        raise ManifestError(f"its format is {written}, this release knows {FORMAT}")
    return _manifest({name: value for name, value in body.items() if name != "format"})


def _manifest(body: dict[str, Any]) -> Manifest:
    mark = body["mark"]
    found = Manifest(
        **{
            **body,
            "mark": Mark(mark["name"], mark["lsn"], datetime.fromisoformat(mark["at"])),
            "started_at": datetime.fromisoformat(body["started_at"]),
            "finished_at": datetime.fromisoformat(body["finished_at"]),
            "content": tuple(TableContent(**table) for table in body["content"]),
            "parts": tuple(
                StoredPart(**{**part, "stored_blocks": tuple(part.get("stored_blocks", ()))})
                for part in body["parts"]
            ),
        }
    )
    if not is_backup_id(found.id) or (found.parent is not None and not is_backup_id(found.parent)):
        raise ManifestError("its names are no backups")
    return found


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(_text(body)).hexdigest()


def _text(body: dict[str, Any]) -> bytes:
    return json.dumps(body, indent=1, sort_keys=True, default=_plain).encode()


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a manifest")
