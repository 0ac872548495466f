"""Bring backups and write-ahead log from the storage: opened, unpacked, and compared at each hop."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from stock_ops.kit.commands import run_to_end
from stock_ops.kit.errors import DamagedBackupError, PartError
from stock_ops.kit.files import make_folder, remove, write_whole
from stock_ops.kit.wanted import NewFile, NewFolder
from stock_ops.restore.facts.progress import chain_folder, log_folder
from stock_ops.restore.runners.scratch import Place
from stock_ops.restore.runners.unpack import Unpacker
from stock_ops.storage.envelope import fetch
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.objects import segment_object
from stock_ops.storage.parts import fetch_part
from stock_ops.storage.storage import Storage
from stock_ops.storage.tarreader import TarError
from stock_ops.storage.timelines import Held
from stock_ops.storage.wal import SEGMENT_BYTES
from stock_ops.storage.walpage import HEADER_BYTES, StrangeSegmentError, check_segment

Advance = Callable[[int, int | None], object]
"""Told how many bytes are done, and of how many."""
OTHER = "Use an older backup (stockops backup list), or another copy of the storage (--storage)."


@dataclass(frozen=True, slots=True)
class Workshop:
    """The source of a cluster, and the place where it is rebuilt."""

    storage: Storage
    identity: str
    chain: tuple[Manifest, ...]
    """The full backup and the increments to it, oldest first."""
    histories: Mapping[int, str]
    """Of every timeline that the storage knows: recovery must not begin one of the same number."""
    place: Place

    @property
    def work(self) -> Path:
        """The folder in which everything is done."""
        return self.place.work


def make_work_folders(place: Place) -> None:
    """Make the work folder, and in it those that PostgreSQL's programs work in."""
    make_folder(NewFolder(place.work, 0o711 if place.account else 0o700))
    for folder in (chain_folder(place.work), log_folder(place.work)):
        make_folder(NewFolder(folder, 0o700, place.account))


def fetch_backup(shop: Workshop, backup: str, advance: Advance) -> None:
    """Fetch one backup of the chain; it has its name only once it is whole, and as it was written.

    Raises DamagedBackupError, WrongKeyError, StorageError.
    """
    manifest = next(one for one in shop.chain if one.id == backup)
    part = manifest.part("base")
    if part is None:
        raise DamagedBackupError(f"{backup} holds no base backup.", OTHER)
    unfinished = chain_folder(shop.work) / f"{backup}.new"
    remove(unfinished)
    make_folder(NewFolder(unfinished, 0o700, shop.place.account))
    unpacker = Unpacker(unfinished, shop.place.account)
    try:
        sink = cast("BinaryIO", _Told(unpacker.write, advance, part.plain_bytes))
        fetch_part(shop.storage, part, sink, shop.identity)
        unpacker.finish()
    except TarError as error:
        raise DamagedBackupError(f"{part.name} is no base backup: {error}.", OTHER) from error
    finally:
        unpacker.close()
    verify_files(shop, unfinished, backup)
    unfinished.rename(chain_folder(shop.work) / backup)


def fetch_log(shop: Workshop, wal: tuple[Held, ...], advance: Advance) -> None:
    """Fetch the write-ahead log, and the history of every timeline.

    Each segment gets its name once it is whole. One that was not full yet, or in which the way leaves its
    timeline, is filled with zeros: there the log ends.
    Raises DamagedBackupError, WrongKeyError, StorageError.
    """
    folder = log_folder(shop.work)
    for timeline, text in shop.histories.items():
        write_whole(NewFile(folder / f"{timeline:08X}.history", text, shop.place.account))
    for number, held in enumerate(wal, 1):
        if not (folder / held.name).exists():
            fetch_segment(shop, held, folder)
        advance(number * SEGMENT_BYTES, len(wal) * SEGMENT_BYTES)


def fetch_segment(shop: Workshop, held: Held, folder: Path) -> Path:
    """Fetch one segment into a folder, under its plain name; as fetch_log does.

    A partial one may have been completed since the storage was listed: then the whole one is there instead.
    """
    try:
        return _fetch_segment(shop, held, folder)
    except DamagedBackupError:
        if not held.partial or shop.storage.head(segment_object(held.name, partial=True)):
            raise
        return _fetch_segment(shop, replace(held, partial=False), folder)


def _fetch_segment(shop: Workshop, held: Held, folder: Path) -> Path:
    name = segment_object(held.name, partial=held.partial)
    with _new_file(folder / held.name, shop) as file:
        size = fetch(shop.storage, name, file, shop.identity).plain_bytes
        if size > SEGMENT_BYTES or (size < SEGMENT_BYTES and not held.partial):
            raise DamagedBackupError(f"{name} holds {size:,} bytes, not {SEGMENT_BYTES:,}.", OTHER)
        file.truncate(size if held.length is None else min(size, held.length))
        file.truncate(SEGMENT_BYTES)
        file.seek(0)
        try:
            check_segment(held.name, file.read(min(size, HEADER_BYTES)), shop.chain[-1].system_identifier)
        except StrangeSegmentError as error:
            raise DamagedBackupError(f"{name} in {shop.storage.where}: {error}.", OTHER) from error
    return folder / held.name


def verify_files(shop: Workshop, folder: Path, what: str) -> None:
    """Compare each file of a backup with PostgreSQL's own manifest in it. Raises DamagedBackupError."""
    place = shop.place
    command: list[str | Path] = [place.binaries / "pg_verifybackup", "-n", "-q", folder]
    try:
        run_to_end(place.programs, command, what="pg_verifybackup", user=place.account)
    except PartError as error:
        raise DamagedBackupError(f"{what} is not what the server wrote: {error.why}", OTHER) from error


@contextmanager
def _new_file(path: Path, shop: Workshop) -> Iterator[BinaryIO]:
    """A file that gets its name when the context ends well."""
    unfinished, owner = path.with_name(f"{path.name}.new"), shop.place.account
    unfinished.unlink(missing_ok=True)
    handle = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w+b") as file:
        if owner:
            os.fchown(handle, owner.uid, owner.gid)
        yield cast("BinaryIO", file)
    unfinished.rename(path)


class _Told:
    """A sink that tells how far it is."""

    def __init__(self, write: Callable[[bytes], int], advance: Advance, total_bytes: int) -> None:
        self._write, self._advance, self._total = write, advance, total_bytes
        self._done = 0

    def write(self, data: bytes) -> int:
        count = self._write(data)
        self._done += count
        self._advance(self._done, self._total)
        return count
