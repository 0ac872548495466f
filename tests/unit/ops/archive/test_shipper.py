"""What lies in the spool comes into a real folder, sealed; and what must not happen to the log, does not."""

import io
import struct
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stock_ops.archive.facts.spool import list_spool, written_bytes
from stock_ops.archive.plans.spool import Slot, spooled
from stock_ops.archive.runners.lease import take_over
from stock_ops.archive.runners.part_memory import Remembered
from stock_ops.archive.runners.shipper import Shipper
from stock_ops.archive.runners.wal_source import Reading
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.errors import ArchiveError, FolderError, ForeignStorageError
from stock_ops.kit.layout import Layout
from stock_ops.local.facts.part import read_part_memory
from stock_ops.storage.authority import ForgedObjectError
from stock_ops.storage.envelope import fetch, store
from stock_ops.storage.facts.place import open_storage
from stock_ops.storage.folder import FolderStorage
from stock_ops.storage.keys import authentication_key, draw_identity, dump_authentication_key, read_identity
from stock_ops.storage.objects import history_object, segment_object
from stock_ops.storage.owner import claim, read_owner
from stock_ops.storage.storage import StorageError
from stock_ops.storage.wal import SEGMENT_BYTES, segment_name, start_of, timeline_of
from stock_ops.storage.writers import TwoWritersError

US = "7711756204518565054"
ONE, TWO, THREE, FOUR = (segment_name(1, number) for number in range(1, 5))
SWITCHED = segment_name(2, 3)
HISTORY = b"1\t0/3000100\tno recovery target specified\n"
EVER = 2**40
"""A place in the log that no test comes to."""


class Bench:
    """A spool, a storage and a shipper between them."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder / "data")
        self.layout.spool.mkdir(parents=True)
        self.key = folder / "settings" / "backup.key"
        self.recipient = draw_identity(self.key)
        self.layout.config.mkdir()
        key = authentication_key(read_identity(self.key))
        self.layout.authentication_key.write_text(dump_authentication_key(key))
        self.storage = FolderStorage(folder / "backups")
        self.settings = BackupSettings(storage=str(folder / "backups"), key_file=self.key)
        self.reading = Reading(US, 1, EVER, Slot(0, "reserved"), None)
        self.start()

    def start(self) -> None:
        """A new process: it knows what is remembered and what lies there."""
        self.memory = Remembered(self.layout)
        self.shipper = Shipper(self.layout, self.settings, self.recipient, self.memory)

    def spool(
        self, segment: str, content: bytes = b"log", *, partial: bool = False, system: str = US
    ) -> None:
        """A segment as pg_receivewal writes it: as long as a segment, zeros behind what is written."""
        timeline = timeline_of(segment)
        head = (0xD118, 2, timeline, start_of(segment), 0, int(system), SEGMENT_BYTES, 8192)
        with (self.layout.spool / f"{segment}{'.partial' * partial}").open("wb") as file:
            file.write(struct.pack("=HHIQI4xQII", *head) + content)
            file.truncate(SEGMENT_BYTES)

    def ship(self, *, at_once: bool = True) -> list[str]:
        """Ship what waits; returns the names of what did."""
        waiting = self.shipper.waiting(at_once=at_once)
        self.shipper.ship(self.reading, waiting.files)
        return [one.name for one in waiting.files]

    def left(self) -> list[str]:
        """The names in the spool."""
        return sorted(list_spool(self.layout.spool))

    def held(self, segment: str, *, partial: bool = False) -> bytes | None:
        """The content in the storage."""
        return self.opened(segment_object(segment, partial=partial))

    def opened(self, name: str) -> bytes | None:
        """The content of an object; None when there is none."""
        if self.storage.head(name) is None:
            return None
        content = io.BytesIO()
        fetch(self.storage, name, content, read_identity(self.key))
        return content.getvalue()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_whole_segment_leaves_the_spool_when_the_storage_has_all_of_it(bench: Bench) -> None:
    bench.spool(ONE, b"first")
    bench.spool(TWO, b"second")
    whole = (bench.layout.spool / ONE).read_bytes()
    assert bench.ship() == [ONE, TWO]
    assert bench.left() == []
    assert bench.held(ONE) == whole
    assert len(bench.held(TWO) or b"") == SEGMENT_BYTES


def test_the_segment_that_is_written_is_shipped_as_far_as_it_is_and_stays(bench: Bench) -> None:
    bench.spool(ONE, b"so far\x01\x00\x00", partial=True)
    path = bench.layout.spool / f"{ONE}.partial"
    bench.ship()
    held = bench.held(ONE, partial=True) or b""
    assert held == path.read_bytes()[: len(held)]
    assert held.endswith(b"so far\x01")
    assert path.exists()
    assert held.ljust(SEGMENT_BYTES, b"\0") == path.read_bytes()


def test_it_is_shipped_again_only_when_it_has_grown_and_goes_when_it_is_whole(bench: Bench) -> None:
    bench.spool(ONE, b"one", partial=True)
    bench.ship()
    assert bench.shipper.waiting(at_once=True).files == ()
    assert bench.shipper.waiting(at_once=True).is_all
    bench.spool(ONE, b"one, two", partial=True)
    assert bench.ship() == [f"{ONE}.partial"]
    assert (bench.held(ONE, partial=True) or b"").endswith(b"one, two")
    (bench.layout.spool / f"{ONE}.partial").rename(bench.layout.spool / ONE)
    bench.ship()
    assert bench.held(ONE, partial=True) is None
    assert bench.held(ONE)


def test_an_empty_segment_is_not_shipped(bench: Bench) -> None:
    (bench.layout.spool / f"{ONE}.partial").write_bytes(bytes(SEGMENT_BYTES))
    assert bench.shipper.waiting(at_once=True).files == ()


@pytest.mark.parametrize("size", [0, 1, 8191, 8192, 8193, 3 * 8192, 2**20 + 17])
def test_how_far_a_segment_is_written_is_found_whatever_its_length(tmp_path: Path, size: int) -> None:
    path = tmp_path / "segment"
    path.write_bytes((b"\xd1" * size).ljust(SEGMENT_BYTES, b"\0"))
    assert written_bytes(path) == size


def test_what_the_storage_does_not_take_stays_in_the_spool(bench: Bench) -> None:
    bench.spool(ONE)
    bench.ship()
    bench.spool(TWO)
    moved = bench.storage._root.rename(bench.storage._root.with_name("away"))
    with pytest.raises(StorageError, match="is empty, and was not before"):
        bench.ship()
    assert bench.left() == [TWO]
    assert not bench.storage._root.exists()
    moved.rename(bench.storage._root)
    bench.ship()
    assert (bench.left(), bench.memory.value.broken_at) == ([], None)


def test_an_empty_place_of_a_known_storage_is_not_taken_for_it_after_a_start_either(bench: Bench) -> None:
    bench.spool(ONE)
    bench.ship()
    bench.storage._root.rename(bench.storage._root.with_name("away"))
    bench.storage._root.mkdir()
    bench.start()
    bench.spool(TWO)
    with pytest.raises(StorageError, match="is empty, and was not before") as caught:
        bench.ship()
    assert "Mount the disk" in caught.value.todo
    assert "stockops backup create --full" in caught.value.todo
    assert bench.left() == [TWO]


def test_the_storage_of_another_cluster_gets_nothing(bench: Bench) -> None:
    bench.spool(ONE)
    bench.ship()
    bench.reading = replace(bench.reading, system_identifier="1")
    bench.start()
    bench.spool(TWO, system="1")
    with pytest.raises(ForeignStorageError):
        bench.ship()
    assert bench.left() == [TWO]


def test_a_segment_of_another_cluster_is_not_shipped_and_where_it_lies_is_told(bench: Bench) -> None:
    bench.spool(ONE, system="1")
    with pytest.raises(ArchiveError, match="another database cluster") as caught:
        bench.ship()
    assert str(bench.layout.spool) in caught.value.todo
    assert bench.held(ONE) is None


def test_a_segment_that_is_too_short_is_not_shipped(bench: Bench) -> None:
    bench.spool(ONE)
    with (bench.layout.spool / ONE).open("rb+") as file:
        file.truncate(5_000_000)
    with pytest.raises(ArchiveError, match="5,000,000 bytes"):
        bench.ship()


@pytest.mark.parametrize("partial", [False, True])
def test_a_gap_is_remembered_before_what_follows_is_shipped(bench: Bench, *, partial: bool) -> None:
    at = datetime(2026, 11, 24, tzinfo=UTC)
    bench.spool(ONE)
    bench.ship()
    bench.memory.change(shipped_at=at)
    bench.start()
    bench.spool(THREE, partial=partial)
    bench.ship()
    remembered = read_part_memory(bench.layout)
    assert remembered.broken_at == THREE
    assert [(one.segment, one.shipped_at) for one in remembered.breaks] == [(TWO, at)]
    bench.spool(THREE)
    bench.spool(FOUR)
    bench.ship()
    assert len(read_part_memory(bench.layout).breaks) == 1


@pytest.mark.parametrize("started_again", [False, True])
def test_the_rest_of_a_segment_that_was_lost_is_a_gap(bench: Bench, *, started_again: bool) -> None:
    bench.spool(ONE, b"its beginning", partial=True)
    bench.ship()
    (bench.layout.spool / f"{ONE}.partial").unlink()
    if started_again:
        bench.start()
    bench.spool(TWO, partial=True)
    bench.ship()
    assert bench.memory.value.broken_at == TWO


def test_a_gap_that_cannot_be_remembered_is_not_passed(bench: Bench) -> None:
    bench.spool(ONE)
    bench.ship()
    bench.spool(THREE)
    bench.layout.backup_state.unlink()
    bench.layout.backup_state.mkdir()
    with pytest.raises(FolderError, match=r"status\.json"):
        bench.ship()
    assert bench.held(THREE) is None
    assert bench.left() == [THREE]


def test_log_that_is_received_again_is_no_gap_and_replaces_nothing(bench: Bench) -> None:
    for segment in (ONE, TWO):
        bench.spool(segment, b"as it was")
    bench.ship()
    bench.start()
    bench.spool(ONE, b"as it was")
    bench.spool(TWO, b"something else", partial=True)
    bench.ship()
    assert b"as it was" in (bench.held(ONE) or b"")
    assert bench.held(TWO, partial=True) is None
    assert bench.memory.value.broken_at is None


@pytest.mark.parametrize("has_key", [True, False])
def test_a_segment_with_other_bytes_is_not_replaced_but_stops_the_archive_and_names_both_writers(
    bench: Bench, has_key: bool
) -> None:
    """As when an earlier release, which knows nothing of writers, ships the log of a copy."""
    bench.spool(ONE, b"of the original")
    bench.ship()
    if not has_key:
        bench.key.unlink()
    bench.start()
    bench.spool(ONE, b"of the copy")
    for _ in range(2):
        with pytest.raises(TwoWritersError, match="other log than") as caught:
            bench.ship()
        assert "Either that one is a copy of this instance, or this one" in caught.value.why
        assert str(bench.layout.root) in caught.value.why
        assert bench.left() == [ONE]
    assert "stockops restore" not in caught.value.why + caught.value.todo
    if has_key:
        assert b"of the original" in (bench.held(ONE) or b"")


def test_a_history_of_another_line_is_not_replaced(bench: Bench) -> None:
    (bench.layout.spool / "00000002.history").write_bytes(HISTORY)
    bench.ship()
    bench.start()
    (bench.layout.spool / "00000002.history").write_bytes(HISTORY.replace(b"3000100", b"3000200"))
    with pytest.raises(TwoWritersError):
        bench.ship()
    assert bench.opened(history_object("00000002.history")) == HISTORY


def test_a_segment_that_was_shipped_right_before_a_crash_is_known_again_without_the_key(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.spool(ONE, b"once")
    monkeypatch.setattr(Path, "unlink", _crash)
    with pytest.raises(RuntimeError):
        bench.ship()
    monkeypatch.undo()
    bench.key.unlink()
    bench.start()
    assert bench.ship() == [ONE]
    assert bench.left() == []


def _crash(*_: object, **__: object) -> None:
    raise RuntimeError


def test_nothing_is_shipped_once_another_instance_has_taken_the_storage_over(bench: Bench) -> None:
    bench.spool(ONE)
    bench.ship()
    other = Layout(bench.layout.root.with_name("other"))
    other.backup.mkdir(parents=True)
    take_over(other, bench.storage)
    bench.spool(TWO)
    bench.spool(THREE, b"begun", partial=True)
    with pytest.raises(TwoWritersError, match="held by") as caught:
        bench.ship()
    assert str(other.root) in caught.value.why
    assert bench.held(TWO) is None
    assert bench.held(THREE, partial=True) is None
    take_over(bench.layout, bench.storage)
    bench.ship()
    assert bench.left() == [f"{THREE}.partial"]


def test_older_data_under_the_same_timeline_ship_nothing(bench: Bench) -> None:
    for segment in (ONE, TWO, THREE):
        bench.spool(segment)
    bench.ship()
    bench.start()
    bench.reading = replace(bench.reading, flushed=start_of(THREE))
    bench.spool(THREE, b"another past")
    with pytest.raises(ArchiveError, match="another instance wrote there"):
        bench.ship()
    assert b"another past" not in (bench.held(THREE) or b"")


def test_what_a_timeline_left_behind_is_shipped_as_it_is_and_leaves_the_spool(bench: Bench) -> None:
    bench.spool(THREE, b"left here", partial=True)
    bench.spool(SWITCHED, b"goes on", partial=True)
    (bench.layout.spool / "00000002.history").write_bytes(HISTORY)
    bench.reading = replace(bench.reading, timeline=2)
    assert bench.ship()[0] == "00000002.history"
    assert bench.left() == [f"{SWITCHED}.partial"]
    assert bench.opened(history_object("00000002.history")) == HISTORY
    assert (bench.held(THREE, partial=True) or b"").endswith(b"left here")


def test_the_first_segment_of_a_timeline_is_known_from_its_history(bench: Bench) -> None:
    (bench.layout.spool / "00000002.history").write_bytes(HISTORY)
    bench.spool(segment_name(2, 4))
    bench.reading = replace(bench.reading, timeline=2)
    bench.ship()
    assert bench.memory.value.broken_at == segment_name(2, 4)


def test_a_history_that_makes_no_sense_is_not_shipped(bench: Bench) -> None:
    (bench.layout.spool / "00000002.history").write_bytes(b"3\t0/3000100\n")
    bench.reading = replace(bench.reading, timeline=2)
    with pytest.raises(ArchiveError, match=r"00000002\.history"):
        bench.ship()


def test_closed_files_leave_the_spool_though_one_was_being_written(bench: Bench) -> None:
    bench.spool(ONE)
    bench.spool(TWO, b"the end", partial=True)
    bench.shipper.close(spooled(list_spool(bench.layout.spool)))
    bench.ship()
    assert bench.left() == []
    assert (bench.held(TWO, partial=True) or b"").endswith(b"the end")


def test_another_storage_begins_anew(bench: Bench, tmp_path: Path) -> None:
    bench.spool(ONE)
    bench.ship()
    bench.memory.change(broken_at=ONE)
    bench.settings = replace(bench.settings, storage=str(tmp_path / "elsewhere"))
    bench.storage = FolderStorage(tmp_path / "elsewhere")
    bench.start()
    bench.spool(FOUR)
    bench.ship()
    assert bench.held(FOUR)
    assert bench.memory.value.broken_at is None


def test_a_storage_of_the_release_before_gets_tags_and_its_newest_log_is_shipped_anew(bench: Bench) -> None:
    claim(bench.storage, US, bench.recipient)
    bench.key.write_text(bench.key.read_text().replace("# backups: authenticated\n", ""))
    store(bench.storage, segment_object(ONE), io.BytesIO(b"of before"), bench.recipient)
    store(bench.storage, segment_object(TWO, partial=True), io.BytesIO(b"of before"), bench.recipient)
    bench.spool(TWO, partial=True)
    bench.ship()
    held = open_storage(bench.layout, bench.settings, {})
    owner = read_owner(held)
    assert owner
    assert owner.storage_id
    assert owner.before
    assert owner.before.segments == {"00000001": ONE}
    identity, sink = read_identity(bench.key), io.BytesIO()
    fetch(held, segment_object(ONE), sink, identity)
    assert sink.getvalue() == b"of before"
    fetch(held, segment_object(TWO, partial=True), io.BytesIO(), identity)
    store(bench.storage, segment_object(TWO, partial=True), io.BytesIO(b"of before"), bench.recipient)
    with pytest.raises(ForgedObjectError):
        fetch(held, segment_object(TWO, partial=True), io.BytesIO(), identity)
