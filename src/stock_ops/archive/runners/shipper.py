"""Ships the log from the spool to the storage, oldest first, and removes it from the spool then."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, cast

from stock_ops.archive.facts.spool import list_spool, written_bytes
from stock_ops.archive.plans.shipping import has_rested
from stock_ops.archive.plans.spool import Spooled, after, is_behind, lost_before, spooled, writing
from stock_ops.archive.runners.clock import steady_s
from stock_ops.archive.runners.lease import Lease
from stock_ops.archive.runners.part_memory import Remembered
from stock_ops.archive.runners.wal_source import Reading
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.errors import ArchiveError, DamagedBackupError
from stock_ops.kit.layout import Layout
from stock_ops.local.facts.part import Break
from stock_ops.storage.authentic import innermost
from stock_ops.storage.envelope import fetch, store, store_once
from stock_ops.storage.facts.place import open_storage
from stock_ops.storage.keys import LostKeyError, WrongKeyError, read_identity
from stock_ops.storage.known import remember
from stock_ops.storage.objects import REPOSITORY, WAL, segment_object, segment_of
from stock_ops.storage.owner import authenticate, claim
from stock_ops.storage.s3 import S3Storage
from stock_ops.storage.storage import ExistingObjectError, Storage, StorageError, Traits, delete_if_allowed
from stock_ops.storage.timelines import way_to
from stock_ops.storage.wal import SEGMENT_BYTES, number_of, segment_at, timeline_of
from stock_ops.storage.walpage import HEADER_BYTES, StrangeSegmentError, check_segment

log = logging.getLogger("stockops.backup")

_REMEMBERED = 8
"""So many objects that were written last are known again after a crash, also without the private key."""


@dataclass(slots=True)
class _Session:
    """The storage as long as it works, seen to be ours."""

    storage: Storage
    system_identifier: str
    timeline: int
    expected: str | None
    """The segment that the archive needs next; None: no one knows."""


@dataclass(frozen=True, slots=True)
class _Newest:
    """The segment that is being written, as it was shipped last; by the steady clock."""

    segment: str = ""
    written: int = 0
    ended_s: float = 0.0
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Files to ship; `is_all`: the spool holds no other log to archive."""

    files: tuple[Spooled, ...]
    is_all: bool


class Shipper:
    """Its methods block; no two of them run at a time."""

    def __init__(self, layout: Layout, settings: BackupSettings, recipient: str, memory: Remembered) -> None:
        self._layout, self._settings, self._recipient, self._memory = layout, settings, recipient, memory
        self._lease = Lease(layout)
        self._session: _Session | None = None
        self._newest = _Newest()
        self._closed: frozenset[str] = frozenset()
        self._traits = Traits()
        self.listeners: list[Callable[[str], object]] = []
        """Each is told the name of an object that was shipped; it must not fail, nor wait."""

    def close(self, files: tuple[Spooled, ...]) -> None:
        """Nothing will be added to these: they may leave the spool as they are."""
        self._closed = frozenset(one.name for one in files)

    def waiting(self, *, at_once: bool = False) -> Waiting:
        """The log to ship now. Raises OSError.

        at_once: the segment that is being written does not rest first.
        """
        files = spooled(list_spool(self._layout.spool))
        newest = writing(files)
        if newest is None or newest.name in self._closed:
            return Waiting(files, is_all=True)
        if not self._has_grown(newest):
            return Waiting(files[:-1], is_all=True)
        last = self._newest
        if at_once or has_rested(steady_s(), last.ended_s, last.took_s):
            return Waiting(files, is_all=True)
        return Waiting(files[:-1], is_all=False)

    @property
    def newest_bytes(self) -> int:
        """How much of the segment that is being written was shipped last."""
        return self._newest.written

    @property
    def traits(self) -> Traits:
        """The ways of the storage, as far as they have shown."""
        return self._traits

    def ship(self, reading: Reading, files: tuple[Spooled, ...]) -> None:
        """Ship the files.

        Raises OpsError when the storage, or the log itself, is not as it should be; what was not shipped is
        still in the spool then. Raises OSError for the spool.
        """
        if self._session and self._session.timeline != reading.timeline:
            self._session = None
        try:
            session = self._session or self._open(reading)
            _refuse_emptied(session.storage)
            self._lease.hold(session.storage)
            _refuse_older(reading, session)
            self._session = session
            for one in files:
                self._ship(session, one)
            self._traits = Traits(self._lease.keeps_first, _keeps_versions(session.storage))
        except StrangeSegmentError as error:
            raise ArchiveError(f"{error}.", f"Move it out of {self._layout.spool}.") from error
        except BaseException:
            self._session = None
            raise

    def _has_grown(self, newest: Spooled) -> bool:
        """Whether there is more in the file than was shipped."""
        written = self._written(newest)
        return bool(written) and (newest.segment, written) != (self._newest.segment, self._newest.written)

    def _written(self, one: Spooled) -> int:
        try:
            return written_bytes(self._layout.spool / one.name)
        except FileNotFoundError:  # it became whole just now
            return 0

    def _open(self, reading: Reading) -> _Session:
        storage = open_storage(self._layout, self._settings)
        known = self._memory.value.storage
        if known == storage.where:
            _refuse_emptied(storage)
        claim(storage, reading.system_identifier, self._recipient)
        self._lease.hold(storage)
        if authenticate(storage):
            log.info("from now on the objects in %s carry authentication tags", storage.where)
            self._newest = _Newest()
        remember(self._layout, storage)
        if known != storage.where:
            self._memory.change(storage=storage.where, shipped_at=None, broken_at=None, breaks=())
        expected = _expected(storage, reading.timeline)
        log.info(
            "the log goes to %s; next in the archive: %s", storage.where, expected or "the first segment"
        )
        return _Session(storage, reading.system_identifier, reading.timeline, expected)

    def _ship(self, session: _Session, one: Spooled) -> None:
        path = self._layout.spool / one.name
        final = self._is_final(one)
        try:
            with path.open("rb") as source:
                _SHIP[one.sort](self, session, one, source)
            for tell in self.listeners:
                tell(one.object)
            if final:
                path.unlink()
        except FileNotFoundError:  # it became whole just now
            return

    def _is_final(self, one: Spooled) -> bool:
        """Whether nothing will be added to the file any more; asked before it is read."""
        if one.sort != "partial" or one.name in self._closed:
            return True
        return writing(spooled(list_spool(self._layout.spool))) != one

    def _ship_history(self, session: _Session, one: Spooled, source: BinaryIO) -> None:
        timeline = int(one.name[:8], 16)
        try:
            begin = way_to(timeline, source.read().decode("ascii", "replace"))[-1].begin
        except ValueError as error:
            raise StrangeSegmentError(f"{one.name}: {error}") from error
        if session.expected is None and timeline == session.timeline:
            session.expected = segment_at(timeline, begin)
        self._store_once(session, one, source)

    def _ship_segment(self, session: _Session, one: Spooled, source: BinaryIO) -> None:
        self._check(session, one, source)
        if source.seek(0, 2) != SEGMENT_BYTES:
            raise StrangeSegmentError(f"{one.name} has {source.tell():,} bytes")
        if not _is_known(session, one):
            self._note_loss(session, one)
        self._store_once(session, one, source)
        if not _is_known(session, one):
            session.expected = after(one.segment)
        delete_if_allowed(session.storage, segment_object(one.segment, partial=True))

    def _ship_partial(self, session: _Session, one: Spooled, source: BinaryIO) -> None:
        began, written = steady_s(), self._written(one)
        if not written or _is_known(session, one):
            return
        self._check(session, one, source)
        source.seek(0)
        self._note_loss(session, one)
        store(session.storage, one.object, cast("BinaryIO", _Beginning(source, written)), self._recipient)
        session.expected = one.segment
        ended = steady_s()
        self._newest = _Newest(one.segment, written, ended, ended - began)

    def _store_once(self, session: _Session, one: Spooled, source: BinaryIO) -> None:
        """What is there already stays, and must be the same. Raises TwoWritersError."""
        source.seek(0)
        storage, name, digest = session.storage, one.object, hashlib.sha256(source.read()).hexdigest()
        source.seek(0)
        noted = dict(self._memory.value.written)
        if storage.head(name) is None:
            others = tuple(pair for pair in noted.items() if pair[0] != name)
            self._memory.change(written=(*others, (name, digest))[-_REMEMBERED:])
            try:
                store_once(storage, name, source, self._recipient)
            except ExistingObjectError:
                self._memory.change(written=others)
                noted = {}
            else:
                return
        if (self._digest_there(storage, name) or noted.get(name)) != digest:
            raise self._lease.refuse_other_bytes(storage, name)

    def _digest_there(self, storage: Storage, name: str) -> str | None:
        """Of what an object holds; None where it is damaged, or the key that opens it is not here."""
        try:
            identity = read_identity(self._settings.key_file)
            return fetch(storage, name, cast("BinaryIO", _Nothing()), identity).plain_sha256
        except (LostKeyError, WrongKeyError, DamagedBackupError):
            return None

    def _check(self, session: _Session, one: Spooled, source: BinaryIO) -> None:
        check_segment(one.segment, source.read(HEADER_BYTES), session.system_identifier)

    def _note_loss(self, session: _Session, one: Spooled) -> None:
        """A place where the log is not continuous is remembered before anything after it is shipped."""
        lost = lost_before(one.segment, session.expected)
        if lost is None:
            return
        log.error(
            "write-ahead log is lost from %s to before %s: a new full backup is wanted", lost, one.segment
        )
        memory = self._memory.value
        known = (Break(lost, memory.shipped_at),) if memory.shipped_at else ()
        self._memory.change(broken_at=one.segment, breaks=(*memory.breaks, *known))
        session.expected = one.segment


_SHIP = {
    "history": Shipper._ship_history,
    "segment": Shipper._ship_segment,
    "partial": Shipper._ship_partial,
}


class _Nothing:
    """A sink that keeps nothing."""

    def write(self, data: bytes) -> int:
        return len(data)


class _Beginning:
    """The first bytes of a file."""

    def __init__(self, source: BinaryIO, size: int) -> None:
        self._source, self._left = source, size

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


def _expected(storage: Storage, timeline: int) -> str | None:
    """The first segment of the timeline that the storage does not have whole, behind those that it has."""
    names = (segment_of(one.name) for one in storage.list(f"{WAL}{timeline:08X}/"))
    wanted = (found[0] if found[1] else after(found[0]) for found in names if found)
    return max(wanted, default=None)


def _is_known(session: _Session, one: Spooled) -> bool:
    """Whether the archive has gone on behind this segment."""
    expected = session.expected
    return (
        expected is not None
        and timeline_of(expected) == timeline_of(one.segment)
        and number_of(one.segment) < number_of(expected)
    )


def _keeps_versions(storage: Storage) -> bool | None:
    inner = innermost(storage)
    return inner.keeps_versions if isinstance(inner, S3Storage) else False


def _refuse_emptied(storage: Storage) -> None:
    """The log must not go into an empty folder where another disk should be mounted."""
    if storage.head(REPOSITORY) is None:
        if next(iter(storage.list()), None):
            raise StorageError(
                f"{storage.where} holds objects, but {REPOSITORY}, the record of its owner, is missing: "
                "somebody deleted it.",
                "Put that file back from a copy of the storage; or name an empty storage in backup.toml.",
            )
        raise StorageError(
            f"The storage {storage.where} is empty, and was not before.",
            "Mount the disk that holds it. If it is lost, begin anew there: stockops backup create --full",
        )


def _refuse_older(reading: Reading, session: _Session) -> None:
    if is_behind(reading.timeline, reading.flushed, session.expected):
        raise ArchiveError(
            f"{session.storage.where} holds later log of timeline {reading.timeline} than the server has "
            "written: another instance wrote there with the same data, or older data were put back here by "
            "other means than a restore.",
            "See first whether another instance runs (`stockops runbook two-writers`). Only if none does, "
            "bring the newest data back (stockops restore), or name a new storage in backup.toml.",
        )
