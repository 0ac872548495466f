"""Read a backup and the log it needs back from the storage, to the last byte, and compare it at each hop."""

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import BinaryIO, Protocol, cast

from stock_ops.backup.plans.catalog import Entry
from stock_ops.backup.runners.pipes import Advance, Count
from stock_ops.kit.errors import DamagedBackupError
from stock_ops.kit.report import Report
from stock_ops.storage.basetar import BaseTar
from stock_ops.storage.envelope import fetch
from stock_ops.storage.manifest import Manifest, Role, StoredPart
from stock_ops.storage.objects import base_of, damage_of, dump_of, segment_object, valkey_of, verification_of
from stock_ops.storage.parts import fetch_part
from stock_ops.storage.storage import Storage, delete_if_allowed, write_bytes
from stock_ops.storage.streams import load_streams
from stock_ops.storage.verification import Damage, Verification, dump_damage, dump_verification
from stock_ops.storage.wal import SEGMENT_BYTES, segments_between
from stock_ops.storage.walpage import HEADER_BYTES, StrangeSegmentError, check_segment

REPLACE = "A copy of the storage may hold the old one whole. Make a new backup: stockops backup create --full"


def verify_backup(storage: Storage, backup: Manifest, identity: str, advance: Advance) -> None:
    """Read every object of one backup, and each segment of the log from its start to its mark.

    An incremental one is whole only if the backups it builds on are, too: they are verified apart.
    Raises DamagedBackupError naming the object, WrongKeyError, StorageError.
    """
    count = Count(advance)
    if backup.part("base") is None:
        raise DamagedBackupError(f"{backup.id} holds no base backup.", REPLACE)
    for part in backup.parts:
        _verify_part(storage, backup, part, identity, count)
    for segment in segments_between(backup.first_segment, backup.last_segment):
        _verify_segment(storage, segment, backup.system_identifier, identity, count)


def verify_entries(
    storage: Storage, entries: Sequence[Entry], identity: str, report: Report
) -> dict[str, str | None]:
    """Verify these backups and those they build on: None for one that is whole, else what is wrong with it.

    What was found is written beside each backup. Raises WrongKeyError, StorageError: then nothing is known.
    """
    flaws: dict[str, str | None] = {}
    for entry in entries:
        if not entry.chain:
            flaws[entry.id] = entry.flaw or "a backup that it builds on is missing"
        for backup in entry.chain:
            if backup.id not in flaws:
                flaws[backup.id] = _flaw_below(backup, flaws) or _flaw_of(storage, backup, identity, report)
    for name, flaw in flaws.items():
        _note(storage, name, flaw)
    return flaws


def _flaw_below(backup: Manifest, flaws: Mapping[str, str | None]) -> str | None:
    flaw = flaws.get(backup.parent) if backup.parent else None
    return f"{backup.parent}, which it builds on, is damaged: {flaw}" if flaw else None


def _flaw_of(storage: Storage, backup: Manifest, identity: str, report: Report) -> str | None:
    total = _bytes_to_read(backup)
    try:
        with report.step("Verify", backup.id, quiet=False):
            verify_backup(storage, backup, identity, lambda done: report.advance(done, total))
    except DamagedBackupError as error:
        return error.why
    return None


def _bytes_to_read(backup: Manifest) -> int:
    segments = sum(1 for _ in segments_between(backup.first_segment, backup.last_segment))
    return sum(part.plain_bytes for part in backup.parts) + segments * SEGMENT_BYTES


def _note(storage: Storage, backup: str, flaw: str | None) -> None:
    """The new finding is written before the old one is removed."""
    now = datetime.now(UTC)
    if flaw is None:
        write_bytes(storage, verification_of(backup), dump_verification(Verification(now, "read")))
        delete_if_allowed(storage, damage_of(backup))
    else:
        write_bytes(storage, damage_of(backup), dump_damage(Damage(now, flaw)))
        delete_if_allowed(storage, verification_of(backup))


class _Check(Protocol):
    """A sink that inspects the bytes that pass."""

    def write(self, data: bytes) -> object:
        """The next bytes."""

    def finish(self) -> object:
        """Everything has passed. Raises ValueError when it is not what it should be."""


class _Dump:
    """pg_dump's custom format, as far as its beginning tells."""

    def __init__(self) -> None:
        self._head = b""

    def write(self, data: bytes) -> None:
        if len(self._head) < len(_MAGIC):
            self._head += data[: len(_MAGIC)]

    def finish(self) -> None:
        if not self._head.startswith(_MAGIC):
            raise ValueError("it is no dump of pg_dump")


class _Streams(io.BytesIO):
    """The state of Valkey."""

    def finish(self) -> None:
        load_streams(self.getvalue())


class _Segment:
    """A segment of the log."""

    def __init__(self, name: str, system_identifier: str) -> None:
        self._name, self._system_identifier = name, system_identifier
        self._head, self._size = b"", 0

    def write(self, data: bytes) -> None:
        self._head += data[: HEADER_BYTES - len(self._head)]
        self._size += len(data)

    def finish(self) -> None:
        if self._size != SEGMENT_BYTES:
            raise StrangeSegmentError(f"it holds {self._size:,} bytes, not {SEGMENT_BYTES:,}")
        check_segment(self._name, self._head, self._system_identifier)


class _Tee:
    """Passes data to a check, and counts them."""

    def __init__(self, check: _Check, count: Callable[[bytes], object]) -> None:
        self._check, self._count = check, count

    def write(self, data: bytes) -> None:
        self._check.write(data)
        self._count(data)


def _verify_part(storage: Storage, backup: Manifest, part: StoredPart, identity: str, count: Count) -> None:
    name, make = _PARTS[part.role]
    check = make()
    try:
        if part.name != name(backup.id):
            raise DamagedBackupError(f"{part.name} is no object of {backup.id}.", REPLACE)
        fetch_part(storage, part, cast("BinaryIO", _Tee(check, count)), identity)
        check.finish()
    except ValueError as error:
        raise DamagedBackupError(f"{part.name} in {storage.where} is damaged: {error}.", REPLACE) from error


def _verify_segment(
    storage: Storage, segment: str, system_identifier: str, identity: str, count: Count
) -> None:
    name, check = segment_object(segment), _Segment(segment, system_identifier)
    fetch(storage, name, cast("BinaryIO", _Tee(check, count)), identity)
    try:
        check.finish()
    except StrangeSegmentError as error:
        raise DamagedBackupError(f"{name} in {storage.where} is damaged: {error}.", REPLACE) from error


_MAGIC = b"PGDMP"
_PARTS: dict[Role, tuple[Callable[[str], str], Callable[[], _Check]]] = {
    "base": (base_of, BaseTar),
    "dump": (dump_of, _Dump),
    "valkey": (valkey_of, _Streams),
}
