"""Names of the objects in a storage."""

import re
from datetime import UTC, datetime
from typing import Literal

Kind = Literal["full", "incr"]

REPOSITORY = "repository.json"
BACKUPS = "backups/"
WAL = "wal/"
LEDGER = "ledger/"
SEALED = ".zst.age"
"""Ends the name of everything that is compressed and encrypted."""

_ID = re.compile(r"(\d{8}T\d{6}Z)-(full|incr)")
_SEGMENT_OBJECT = re.compile(rf"{WAL}([0-9A-F]{{8}})/(\1[0-9A-F]{{16}})(\.partial)?{re.escape(SEALED)}")
_HISTORY_OBJECT = re.compile(rf"{WAL}([0-9A-F]{{8}}\.history){re.escape(SEALED)}")


def backup_id(at: datetime, kind: Kind) -> str:
    """Name of a backup begun at a time: 20261124T031500Z-full."""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{kind}"


def is_backup_id(text: str) -> bool:
    """Whether a text has the form of a backup's name."""
    return _ID.fullmatch(text) is not None


def moment_of(backup: str) -> datetime:
    """When a backup was begun, by the clock of the machine that made it."""
    return datetime.strptime(backup.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def folder_of(backup: str) -> str:
    """Everything of one backup lies below this."""
    return f"{BACKUPS}{backup}/"


def manifest_of(backup: str) -> str:
    """The object that is written last: without it there is no backup."""
    return f"{folder_of(backup)}manifest.json"


def verification_of(backup: str) -> str:
    """Result of the last successful verification of a backup."""
    return f"{folder_of(backup)}verified.json"


def damage_of(backup: str) -> str:
    """Damage that a verification of a backup found."""
    return f"{folder_of(backup)}damaged.json"


def base_of(backup: str) -> str:
    """The tar archive of pg_basebackup."""
    return f"{folder_of(backup)}base.tar{SEALED}"


def dump_of(backup: str) -> str:
    """The logical dump, pg_dump's custom format."""
    return f"{folder_of(backup)}dump.pgdump{SEALED}"


def valkey_of(backup: str) -> str:
    """Data of Valkey that cannot be computed again."""
    return f"{folder_of(backup)}valkey.json{SEALED}"


def ledger_object(number: int) -> str:
    """An entry of the ledger."""
    return f"{LEDGER}{number:010d}.json"


def backup_of(name: str) -> str | None:
    """The backup an object belongs to; None for others."""
    parts = name.split("/")
    return parts[1] if len(parts) == 3 and parts[0] + "/" == BACKUPS and is_backup_id(parts[1]) else None


def segment_object(segment: str, *, partial: bool = False) -> str:
    """A WAL segment, whole or as far as it was written.

    A partial one ends with its last byte that is no zero; with zeros up to SEGMENT_BYTES it is a segment.
    """
    return f"{WAL}{segment[:8]}/{segment}{'.partial' if partial else ''}{SEALED}"


def history_object(history: str) -> str:
    """A timeline's history, `history` being its file name: 00000002.history."""
    return f"{WAL}{history}{SEALED}"


def segment_of(name: str) -> tuple[str, bool] | None:
    """The segment an object holds, and whether it is a partial one; None for others."""
    found = _SEGMENT_OBJECT.fullmatch(name)
    return (found[2], found[3] is not None) if found else None


def history_of(name: str) -> str | None:
    """The file name of the timeline history an object holds; None for others."""
    found = _HISTORY_OBJECT.fullmatch(name)
    return found[1] if found else None
