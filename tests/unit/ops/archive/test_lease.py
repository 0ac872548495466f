"""One writer for a storage: which of two folders may go on, whatever was copied, moved or cut off."""

import shlex
import shutil
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from stock_ops.archive.facts import identity as identities
from stock_ops.archive.facts.identity import read_identity_of
from stock_ops.archive.plans.lease import KEPT, RENEW_S
from stock_ops.archive.runners import lease as leases
from stock_ops.archive.runners.lease import Lease, is_copy, refuse_unless_held, take, take_over
from stock_ops.kit.files import write_whole
from stock_ops.kit.layout import Layout
from stock_ops.kit.wanted import NewFile
from stock_ops.storage.folder import FolderStorage
from stock_ops.storage.writers import WRITERS, TwoWritersError, newest_writer, read_writers


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")


@pytest.fixture
def original(tmp_path: Path) -> Layout:
    return folder(tmp_path / "original")


def folder(root: Path) -> Layout:
    layout = Layout(root)
    layout.backup.mkdir(parents=True)
    return layout


def copy(layout: Layout, name: str = "copy") -> Layout:
    return Layout(Path(shutil.copytree(layout.root, layout.root.with_name(name))))


def refused(layout: Layout, storage: FolderStorage) -> str:
    with pytest.raises(TwoWritersError) as caught:
        take(layout, storage)
    return f"{caught.value.why} {caught.value.todo}"


def entries(storage: FolderStorage) -> list[int]:
    return [one.epoch for one in read_writers(storage)]


def test_each_start_takes_the_next_epoch_and_few_entries_stay(
    storage: FolderStorage, original: Layout
) -> None:
    for epoch in range(1, 6):
        assert take(original, storage).epoch == epoch
    assert entries(storage) == [3, 4, 5]
    assert len(entries(storage)) == KEPT


def test_a_copy_of_a_folder_at_rest_writes_nothing_and_the_original_goes_on(
    storage: FolderStorage, original: Layout
) -> None:
    take(original, storage)
    clone = copy(original)
    before = [one.name for one in storage.list()]
    said = refused(clone, storage)
    assert is_copy(clone)
    assert not is_copy(original)
    assert str(original.root) in said
    assert str(clone.root) in said
    assert "copied from another machine or folder" in said
    assert "or the other one is a copy" in said
    for choice in ("take-over", "new-line", "stop"):
        assert f"stockops backup writer {choice} --data {clone.root}" in said
    assert "stockops restore" not in said
    assert [one.name for one in storage.list()] == before
    assert take(original, storage).epoch == 2


def test_what_is_told_to_type_can_be_pasted(storage: FolderStorage, original: Layout) -> None:
    take(original, storage)
    said = refused(copy(original, "a copy {of} it's"), storage)
    todo = said.partition("take-over")[2].partition("`")[0]
    assert shlex.split(todo) == ["--data", f"{original.root.parent}/a copy {{of}} it's"]


def test_a_copy_that_starts_first_does_not_lock_the_original_out(
    storage: FolderStorage, original: Layout
) -> None:
    take(original, storage)
    clone = copy(original)
    for _ in range(3):
        refused(clone, storage)
    take(original, storage)
    refused(clone, storage)


def test_a_folder_that_was_moved_is_the_same_instance(storage: FolderStorage, original: Layout) -> None:
    take(original, storage)
    moved = Layout(original.root.rename(original.root.with_name("moved")))
    assert take(moved, storage).epoch == 2


def test_a_folder_in_another_machine_is_a_copy(
    storage: FolderStorage, original: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    take(original, storage)
    (tmp_path / "machine-id").write_text("another")
    monkeypatch.setattr(identities, "_MACHINE", tmp_path / "machine-id")
    assert "is a copy" in refused(original, storage)


def test_a_copy_of_a_whole_machine_stops_and_not_what_went_on(
    storage: FolderStorage, original: Layout
) -> None:
    """Same machine, folder and inode: only what was written since tells them apart."""
    take(original, storage)
    snapshot = original.identity.read_bytes()
    lease = Lease(original)
    lease.hold(storage)
    kept = original.identity.read_bytes()
    original.identity.write_bytes(snapshot)
    assert "a copy of this folder with the same identity" in refused(original, storage)
    original.identity.write_bytes(kept)
    lease.hold(storage)
    take(original, storage)


def test_who_takes_over_writes_and_who_wrote_stops_and_can_take_it_back(
    storage: FolderStorage, original: Layout
) -> None:
    lease = Lease(original)
    lease.hold(storage)
    clone = copy(original)
    before, now = take_over(clone, storage)
    assert before
    assert before.folder == str(original.root)
    assert now.epoch == before.epoch + 1
    with pytest.raises(TwoWritersError, match="held by"):
        lease.hold(storage)
    with pytest.raises(TwoWritersError):
        refuse_unless_held(original, storage)
    refuse_unless_held(clone, storage)
    take(clone, storage)
    take_over(original, storage)
    lease.hold(storage)
    refused(clone, storage)


def test_a_restored_folder_asks_before_it_writes(
    storage: FolderStorage, original: Layout, tmp_path: Path
) -> None:
    take(original, storage)
    assert "never wrote there" in refused(folder(tmp_path / "restored"), storage)


def test_a_copy_with_a_storage_of_its_own_is_another_instance(original: Layout, tmp_path: Path) -> None:
    storage, own = FolderStorage(tmp_path / "backups"), FolderStorage(tmp_path / "own")
    first = take(original, storage)
    assert take(copy(original), own).instance != first.instance


class CutError(Exception):
    """The power fails."""


class CutStorage(FolderStorage):
    """Fails before or after an entry was written."""

    after: bool = False

    @contextmanager
    def create_once(self, name: str) -> Iterator[BinaryIO]:
        if not self.after:
            raise CutError
        with super().create_once(name) as sink:
            yield sink
        raise CutError


@pytest.mark.parametrize("after", [False, True])
def test_an_entry_that_was_cut_off_is_known_again(original: Layout, tmp_path: Path, after: bool) -> None:
    storage, cut = FolderStorage(tmp_path / "backups"), CutStorage(tmp_path / "backups")
    take(original, storage)
    cut.after = after
    for _ in range(2):
        with pytest.raises(CutError):
            take(original, cut)
    assert take(original, storage).epoch == (4 if after else 2)


class Overwriting(FolderStorage):
    """A service that knows no conditional writes."""

    def create_once(self, name: str) -> AbstractContextManager[BinaryIO]:
        return self.create(name)


@pytest.mark.parametrize("kind", [FolderStorage, Overwriting])
def test_of_many_that_come_at_once_at_most_one_goes_on(kind: type[FolderStorage], tmp_path: Path) -> None:
    layouts = [folder(tmp_path / f"folder-{number}") for number in range(8)]
    leases_ = [Lease(layout) for layout in layouts]
    gate, held = threading.Barrier(len(layouts)), []

    def start(lease: Lease) -> None:
        gate.wait()
        try:
            lease.hold(kind(tmp_path / "backups"))
        except TwoWritersError:
            return
        held.append(lease)

    threads = [threading.Thread(target=start, args=(lease,)) for lease in leases_]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    going_on = []
    for lease in held:
        try:
            lease.hold(kind(tmp_path / "backups"))
        except TwoWritersError:
            continue
        going_on.append(lease)
    assert len(going_on) == 1


def test_a_lease_is_renewed_so_that_a_later_copy_does_not_know_it(
    storage: FolderStorage, original: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(leases, "steady_s", lambda: clock[0])
    lease = Lease(original)
    lease.hold(storage)
    lease.hold(storage)
    assert entries(storage) == [1]
    clock[0] += RENEW_S
    lease.hold(storage)
    assert entries(storage) == [1, 2]


def test_a_writer_that_slept_through_many_epochs_stops(storage: FolderStorage, original: Layout) -> None:
    """Its own entry, and the next one, are gone by then."""
    lease = Lease(original)
    lease.hold(storage)
    clone = copy(original)
    take_over(clone, storage)
    for _ in range(2 * KEPT):
        take(clone, storage)
    with pytest.raises(TwoWritersError):
        lease.hold(storage)


def test_an_entry_that_makes_no_sense_stops_everybody(storage: FolderStorage, original: Layout) -> None:
    take(original, storage)
    with storage.create(f"{WRITERS}0000000002.json") as sink:
        sink.write(b"{}")
    assert "take-over" in refused(original, storage)


def test_an_identity_for_another_place_does_not_count(storage: FolderStorage, original: Layout) -> None:
    take(original, storage)
    known = read_identity_of(original)
    assert known
    changed = replace(known, place=replace(known.place, inode=1))
    write_whole(NewFile(original.identity, identities.dump_identity(changed)))
    assert "or put back" in refused(original, storage)
    take_over(original, storage)
    holder = newest_writer(storage)
    assert holder
    assert holder.instance != known.instance
