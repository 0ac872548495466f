"""What is shipped to a copy, in memory: it comes to rest; cut off anywhere, all there can be restored."""

from datetime import UTC, datetime

import pytest

from stock_ops.backup.plans.copy import plan_copy
from stock_ops.backup.runners.copy import Copier
from stock_ops.kit.errors import DamagedBackupError, ForeignStorageError
from stock_ops.restore.plans.recovery import Request, choose
from stock_ops.storage.facts.archive import Archive
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.objects import base_of, manifest_of, segment_object, verification_of
from stock_ops.storage.owner import claim
from stock_ops.storage.storage import StorageError, write_bytes
from stock_ops.storage.writers import TwoWritersError, Writer, dump_writer, writer_object
from tests.unit.ops.archives import MemoryStorage, World, look

FAR = datetime(2099, 1, 1, tzinfo=UTC)
FINDINGS = ("verified.json", "damaged.json")


def restorable(archive: Archive, backup: Manifest) -> bool:
    request = Request(backup=backup.id, timeline=backup.timeline)
    return choose(archive, request, FAR).backup.id == backup.id


class Pair:
    """A storage with a history, and a copy of it."""

    def __init__(self) -> None:
        self.first, self.copy = MemoryStorage(), MemoryStorage()
        self.first.now = self.copy.now = FAR
        self.world = World(self._put)
        claim(self.first, "7", "age1x")
        self.enter("a" * 32, 1)

    def enter(self, instance: str, epoch: int, storage: MemoryStorage | None = None) -> None:
        writer = Writer(epoch, instance, f"s{epoch}", "host", "/data", FAR)
        write_bytes(storage or self.first, writer_object(epoch), dump_writer(writer))

    def copier(self, copy: MemoryStorage | None = None) -> Copier:
        return Copier(self.first, copy or self.copy, lambda: self.world.histories)

    def sync(self, copier: Copier | None = None) -> bool:
        """One round; whether anything was shipped or deleted."""
        copier = copier or self.copier()
        before = dict(self.copy.objects)
        copier.hold(known=False)
        plan = copier.look()
        copier.ship_log(plan.log)
        for one in plan.backups:
            assert copier.ship_backup(one)
        copier.prune()
        return before.keys() != self.copy.objects.keys()

    def days(self, count: int) -> None:
        """A full backup a week, incremental ones between."""
        for day in range(count):
            parent = self.world.backups[-1] if day % 7 else None
            self.world.back_up(parent)
            self.world.write(2)
            self.world.wait(1)

    def names(self, storage: MemoryStorage) -> set[str]:
        """All but findings, and beginnings of segments that are whole by now."""
        whole = {name for name in storage.objects if name.replace(".partial", "") in storage.objects}
        late = {name for name in whole if ".partial" in name}
        return {name for name in storage.objects if not name.endswith(FINDINGS)} - late

    def _put(self, name: str, data: bytes, modified: datetime) -> None:
        self.first.objects[name] = data, modified


def test_the_copy_is_the_same_byte_for_byte_and_comes_to_rest() -> None:
    pair = Pair()
    pair.days(10)
    pair.world.verify(pair.world.backups[3])
    pair.world.mark()
    assert pair.sync()
    assert pair.names(pair.copy) == pair.names(pair.first)
    assert all(pair.copy.objects[name][0] == pair.first.objects[name][0] for name in pair.names(pair.copy))
    assert pair.copy.head(verification_of(pair.world.backups[3].id)) is None
    assert not pair.sync()


def test_wherever_it_is_cut_off_what_is_there_can_be_restored_and_the_next_round_goes_on() -> None:
    pair = Pair()
    pair.days(9)
    pair.world.restore(pair.world.backups[-2])
    pair.days(3)
    total, cut = len(pair.names(pair.first)), 0
    for count in range(1, total, 3):
        pair.copy = CutOff(count)
        with pytest.raises(ConnectionError):
            pair.sync()
        pair.copy.left = 10_000
        contents = look(pair.copy, pair.world.histories)
        cut += len(contents.archive.backups) not in (0, 12)
        for backup in contents.archive.backups:
            assert restorable(contents.archive, backup)
        pair.sync()
        assert pair.names(pair.copy) == pair.names(pair.first)
    assert cut > 3


class CutOff(MemoryStorage):
    """It goes away after so many writes."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.now, self.left = FAR, left

    def create(self, name):  # type: ignore[no-untyped-def] # as MemoryStorage has it
        self._count()
        return super().create(name)

    def create_once(self, name):  # type: ignore[no-untyped-def] # as MemoryStorage has it
        self._count()
        return super().create_once(name)

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise ConnectionError


def test_a_damaged_object_is_not_shipped_and_a_whole_one_in_the_copy_is_not_replaced() -> None:
    pair = Pair()
    pair.days(2)
    name = base_of(pair.world.backups[0].id)
    data, at = pair.first.objects[name]
    pair.first.objects[name] = bytes(len(data)), at
    with pytest.raises(DamagedBackupError, match="was not shipped"):
        pair.sync()
    assert name not in pair.copy.objects
    assert manifest_of(pair.world.backups[0].id) not in pair.copy.objects


def test_a_segment_that_differs_stops_the_copy_and_stays_as_it_is() -> None:
    pair = Pair()
    pair.days(2)
    pair.sync()
    name = next(name for name in pair.copy.objects if name.startswith("wal/") and "partial" not in name)
    pair.copy.objects[name] = b"another", FAR
    copier = pair.copier()
    with pytest.raises(TwoWritersError, match="holds another"):
        copier.ship_log([name])
    assert pair.copy.objects[name][0] == b"another"


def test_the_copy_of_another_cluster_is_refused() -> None:
    pair = Pair()
    claim(pair.copy, "8", "age1x")
    with pytest.raises(ForeignStorageError, match="another database cluster"):
        pair.sync()


def test_a_copy_that_was_emptied_is_not_filled_anew() -> None:
    pair = Pair()
    with pytest.raises(StorageError, match="is empty, and was not before"):
        pair.copier().hold(known=True)


def test_a_copy_that_a_clone_writes_to_is_left_alone_until_it_is_taken_over() -> None:
    pair = Pair()
    pair.days(1)
    pair.sync()
    pair.enter("b" * 32, 2, pair.copy)
    before = dict(pair.copy.objects)
    with pytest.raises(TwoWritersError, match="was written last by"):
        pair.sync()
    assert pair.copy.objects == before
    pair.enter("c" * 32, 3)
    pair.enter("c" * 32, 3, pair.copy)
    pair.sync()


def test_a_copy_that_was_away_for_long_is_still_ours() -> None:
    pair = Pair()
    pair.sync()
    del pair.first.objects[writer_object(1)]
    for epoch in (7, 8, 9):
        pair.enter("a" * 32, epoch)
    pair.sync()
    assert {name for name in pair.copy.objects if name.startswith("writers/")} == {
        writer_object(epoch) for epoch in (7, 8, 9)
    }


def test_what_is_replaced_goes_again_and_what_is_not_does_not() -> None:
    pair = Pair()
    pair.days(1)
    pair.world.write(0)
    pair.sync()
    first, copy = look(pair.first, {}), look(pair.copy, {})
    (partial,) = [name for name in pair.names(pair.first) if ".partial" in name]
    assert plan_copy(first, copy).log == (partial,)
    shipped = pair.first.head(partial)
    assert shipped
    assert plan_copy(first, copy, {partial: shipped}).is_empty
    pair.first.objects[partial] = b"a longer beginning", FAR
    assert plan_copy(look(pair.first, {}), copy, {partial: shipped}).log == (partial,)


def test_a_segment_that_the_first_storage_lost_keeps_no_later_backup_from_the_copy() -> None:
    """The backup that needs it cannot be restored; what builds on its files can."""
    pair = Pair()
    pair.days(2)
    del pair.first.objects[segment_object(pair.world.backups[1].last_segment)]
    pair.days(1)
    last = pair.world.back_up(pair.world.backups[1])
    for _ in range(2):
        pair.sync()
    for storage in (pair.first, pair.copy):
        found = choose(look(storage, {}).archive, Request(backup=last.id), FAR)
        assert [one.id for one in found.chain] == [one.id for one in (*pair.world.backups[:2], last)]
    assert not pair.sync()
