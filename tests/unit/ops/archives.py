"""A machine that makes backups day by day, with clocks that jump, and restores; it knows the truth."""

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from stock_ops.storage.facts.contents import Contents, read_contents
from stock_ops.storage.manifest import Manifest, Mark, StoredPart, TableContent, dump_manifest
from stock_ops.storage.marks import NamedMark, dump_mark, mark_object
from stock_ops.storage.objects import (
    backup_id,
    base_of,
    damage_of,
    folder_of,
    history_object,
    manifest_of,
    segment_object,
    verification_of,
)
from stock_ops.storage.storage import ExistingObjectError, MissingObjectError, StoredObject
from stock_ops.storage.verification import Damage, Verification, dump_damage, dump_verification
from stock_ops.storage.wal import SEGMENT_BYTES, format_lsn, segment_name

BEGIN = datetime(2026, 1, 1, 3, 15, tzinfo=UTC)
DAY = timedelta(days=1)


class MemoryStorage:
    """Objects in memory; `now` is its clock."""

    def __init__(self, objects: dict[str, tuple[bytes, datetime]] | None = None) -> None:
        self.objects = objects if objects is not None else {}
        self.now = BEGIN

    @property
    def authority(self) -> None:
        return None

    @property
    def where(self) -> str:
        return "memory"

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        for name in sorted(self.objects):
            if name.startswith(prefix) and (one := self.head(name)):
                yield one

    def head(self, name: str) -> StoredObject | None:
        if name not in self.objects:
            return None
        data, modified = self.objects[name]
        return StoredObject(name, len(data), modified)

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        if name not in self.objects:
            raise MissingObjectError(name)
        return nullcontext(io.BytesIO(self.objects[name][0]))

    @contextmanager
    def create(self, name: str) -> Iterator[BinaryIO]:
        sink = io.BytesIO()
        yield sink
        self.objects[name] = sink.getvalue(), self.now

    @contextmanager
    def create_once(self, name: str) -> Iterator[BinaryIO]:
        sink = io.BytesIO()
        yield sink
        if name in self.objects:
            raise ExistingObjectError(name)
        self.objects[name] = sink.getvalue(), self.now

    def delete(self, name: str) -> None:
        self.objects.pop(name, None)

    def keeps_first(self, name: str) -> bool:
        return name in self.objects

    def free_bytes(self) -> int | None:
        return None


def plain(data: bytes) -> bytes:
    """An envelope that hides nothing."""
    return data


@dataclass
class World:
    """What happened so far. Times are days; the clocks may be wrong, `elapsed` never is."""

    put: Callable[[str, bytes, datetime], None]
    seal: Callable[[bytes], bytes] = plain
    system_identifier: str = "7"
    elapsed: timedelta = timedelta(0)
    machine: datetime = BEGIN
    storage: datetime = BEGIN
    jumps: int = 0
    timeline: int = 1
    number: int = 1
    offset: int = 0
    """In the segment of that number: a timeline begins within one."""
    histories: dict[int, str] = field(default_factory=dict)
    backups: list[Manifest] = field(default_factory=list)
    made_at: dict[str, timedelta] = field(default_factory=dict)
    marks: list[NamedMark] = field(default_factory=list)

    def wait(self, days: float) -> None:
        """Time goes by, for everybody."""
        self.elapsed += days * DAY
        self.machine += days * DAY
        self.storage += days * DAY

    def jump(self, days: float, *, machine: bool, storage: bool) -> None:
        """Clocks are set."""
        self.machine += days * DAY if machine else timedelta(0)
        self.storage += days * DAY if storage else timedelta(0)
        self.jumps += 1

    def write(self, segments: int) -> None:
        """The server writes log, and the archive ships it: whole segments, and the beginning of the next."""
        for _ in range(segments):
            self._put(segment_object(self._segment()), self.seal(b"whole"))
            self.number, self.offset = self.number + 1, 0
        self._put(segment_object(self._segment(), partial=True), self.seal(b"a beginning"))

    def back_up(self, parent: Manifest | None = None, *, spans: int = 1) -> Manifest:
        """Make a backup whose log is `spans` segments and a bit."""
        self.machine += timedelta(seconds=1)
        first, begin = self.number, self.number * SEGMENT_BYTES + self.offset
        name = self._free_id("incr" if parent else "full")
        data = self.seal(name.encode())
        self._put(base_of(name), data)
        self.write(spans + 1)
        lsn = format_lsn(begin + spans * SEGMENT_BYTES + 8192)
        manifest = Manifest(
            id=name,
            kind="incr" if parent else "full",
            parent=parent.id if parent else None,
            system_identifier=self.system_identifier,
            timeline=self.timeline,
            start_lsn=format_lsn(begin + 4096),
            stop_lsn=lsn,
            mark=Mark(f"backup-{name}", lsn, self.machine),
            first_segment=segment_name(self.timeline, first),
            last_segment=segment_name(self.timeline, first + spans),
            started_at=self.machine,
            finished_at=self.machine,
            duration_s=1,
            postgresql="18.6",
            schema_version=4,
            extensions={},
            structure_sha256="0",
            content=(TableContent("public.bar", 1, "1"),),
            parts=(
                StoredPart(base_of(name), "base", 1000, "1", len(data), hashlib.sha256(data).hexdigest()),
            ),
            valkey_keys=0,
            compression_level=1,
        )
        self._put(manifest_of(name), dump_manifest(manifest))
        self.backups.append(manifest)
        self.made_at[name] = self.elapsed
        return manifest

    def mark(self) -> NamedMark:
        """The operator names the present."""
        lsn = format_lsn(self.number * SEGMENT_BYTES + self.offset + 100)
        mark = NamedMark(f"mark-{len(self.marks)}", lsn, self.timeline, self.machine)
        self.write(1)
        self._put(mark_object(mark.name), dump_mark(mark))
        self.marks.append(mark)
        return mark

    def restore(self, backup: Manifest, *, segments_after: int = 0) -> None:
        """The server goes back to a backup, or to a bit after it: a new timeline begins there."""
        end = int(backup.mark.lsn.partition("/")[2], 16) + segments_after * SEGMENT_BYTES + 64
        timeline = max(self.timeline, *self.histories, 1) + 1
        before = self.histories.get(backup.timeline, "")
        self.histories[timeline] = f"{before}{backup.timeline}\t{format_lsn(end)}\tbefore\n"
        self.timeline = timeline
        self.number, self.offset = divmod(end, SEGMENT_BYTES)
        self._put(history_object(f"{timeline:08X}.history"), self.seal(self.histories[timeline].encode()))

    def verify(self, backup: Manifest) -> None:
        """It is found whole."""
        self._put(verification_of(backup.id), dump_verification(Verification(self.machine, "read")))

    def find_damaged(self, backup: Manifest) -> None:
        """A verification finds something wrong with it; its names and sizes do not show it."""
        self._put(damage_of(backup.id), dump_damage(Damage(self.machine, "a bit is flipped")))

    def cut_off(self) -> str:
        """A backup is begun and never finished."""
        self.machine += timedelta(seconds=1)
        name = self._free_id("full")
        self._put(f"{folder_of(name)}base.tar.zst.age", b"some")
        return name

    def _segment(self) -> str:
        return segment_name(self.timeline, self.number)

    def _free_id(self, kind: str) -> str:
        """Named by the clock; by the next second that is free when the clock went back."""
        at = self.machine
        while (name := backup_id(at, kind)) in self.made_at:  # type: ignore[arg-type]  # a kind by its name
            at += timedelta(seconds=1)
        return name

    def _put(self, name: str, data: bytes) -> None:
        self.put(name, data, self.storage)


def look(storage: MemoryStorage, histories: dict[int, str]) -> Contents:
    """What is in the storage, for somebody who knows these histories."""
    contents = read_contents(storage)
    return replace(contents, archive=replace(contents.archive, histories=histories))
