"""Which backups go after two months, in which order, and what must not go with them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from stock_ops.backup.facts.retention import RetentionFacts
from stock_ops.backup.plans.prune import PrunePlan, plan_deletions, plan_prune
from stock_ops.backup.plans.retention import retain
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.errors import ForeignStorageError
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.marks import mark_object
from stock_ops.storage.objects import (
    base_of,
    history_object,
    manifest_of,
    segment_object,
    segment_of,
    verification_of,
)
from stock_ops.storage.owner import Owner
from stock_ops.storage.wal import number_of, segment_name
from tests.unit.ops.archives import BEGIN, DAY, MemoryStorage, World, look

SETTINGS = BackupSettings(storage="/b", key_file=Path("/k"))


@dataclass
class Months:
    """A machine that makes a full backup a week, and an incremental one on each other day."""

    storage: MemoryStorage = field(default_factory=MemoryStorage)

    def __post_init__(self) -> None:
        self.world = World(self._put)
        self.parent: Manifest | None = None
        self.made = 0

    def day(self) -> Manifest:
        """One day with a backup at its end, and some log after it."""
        self.world.wait(1)
        self.parent = self.world.back_up(None if self.made % 7 == 0 else self.parent, spans=0)
        self.made += 1
        self.world.write(2)
        return self.parent

    def days(self, count: int) -> list[Manifest]:
        return [self.day() for _ in range(count)]

    def weeks(self, count: int) -> list[list[Manifest]]:
        return [self.days(7) for _ in range(count)]

    def plan(self, now: datetime | None = None, **rules: int) -> PrunePlan:
        """By somebody who knows every history."""
        contents = look(self.storage, self.world.histories)
        settings = BackupSettings(storage="/b", key_file=Path("/k"), **rules)  # type: ignore[arg-type]  # the names are fields
        return plan_deletions(contents, retain(contents, settings, now or self.world.machine))

    def prune(self, **rules: int) -> PrunePlan:
        plan = self.plan(None, **rules)
        for name in plan.names:
            self.storage.delete(name)
        return plan

    def segments(self) -> list[int]:
        """Numbers of the whole segments that are there."""
        found = [segment_of(name) for name in self.storage.objects]
        return sorted(number_of(one[0]) for one in found if one and not one[1])

    def _put(self, name: str, data: bytes, modified: datetime) -> None:
        self.storage.objects[name] = data, modified


@pytest.fixture
def months() -> Months:
    return Months()


def ids(*weeks: list[Manifest]) -> list[str]:
    return [one.id for week in weeks for one in week]


def test_a_chain_goes_when_its_youngest_is_too_old(months: Months) -> None:
    weeks = months.weeks(8)
    months.world.verify(weeks[7][0])
    plan = months.plan()
    assert list(plan.retention.kept) == ids(*weeks[3:])
    assert plan.going == tuple(ids(*[week[::-1] for week in weeks[:3]]))
    assert plan.retention.kept[weeks[3][0].id] == f"of one chain with {weeks[3][6].id}"
    assert plan.retention.kept[weeks[4][6].id] == "younger than 30 days"


def test_a_backup_of_just_so_many_days_goes(months: Months) -> None:
    weeks = months.weeks(3)
    assert months.plan(keep_days=14, keep_full=1).going == tuple(ids(weeks[0][::-1]))
    assert months.plan(keep_days=15, keep_full=1).going == ()


def test_so_many_full_ones_stay_however_old(months: Months) -> None:
    weeks = months.weeks(4)
    plan = months.plan(keep_days=1, keep_full=3)
    assert list(plan.retention.kept) == ids(*weeks[1:])


def test_a_damaged_full_one_does_not_count_among_those(months: Months) -> None:
    weeks = months.weeks(5)
    months.storage.delete(base_of(weeks[4][0].id))
    assert list(months.plan(keep_days=1, keep_full=2).retention.kept) == ids(*weeks[2:])


def test_the_last_verified_one_stays_with_all_it_builds_on(months: Months) -> None:
    weeks = months.weeks(6)
    months.world.verify(weeks[1][3])
    plan = months.plan(keep_days=1, keep_full=1)
    assert list(plan.retention.kept) == ids(weeks[1], weeks[5])
    assert plan.retention.kept[weeks[1][3].id] == "the last one that was verified"
    months.world.verify(weeks[4][0])
    assert list(months.plan(keep_days=1, keep_full=1).retention.kept) == ids(weeks[4], weeks[5])


def test_a_verified_one_that_is_damaged_by_now_is_none(months: Months) -> None:
    weeks = months.weeks(4)
    months.world.verify(weeks[1][6])
    months.world.verify(weeks[2][6])
    months.world.find_damaged(weeks[2][0])
    plan = months.plan(keep_days=1, keep_full=1)
    assert list(plan.retention.kept) == ids(*weeks[1:])
    assert plan.retention.kept[weeks[1][6].id] == "the last one that was verified"
    assert plan.retention.kept[weeks[2][6].id] == "damaged, but no verified backup is newer"
    assert f"{weeks[2][0].id}, which it builds on" in plan.retention.damaged[weeks[2][6].id]


def test_what_is_damaged_goes_only_when_it_is_old_and_something_verified_is_newer(months: Months) -> None:
    weeks = months.weeks(4)
    months.storage.delete(base_of(weeks[0][0].id))
    months.storage.objects[manifest_of(weeks[1][6].id)] = b"{}", months.world.storage
    assert months.plan(keep_days=1, keep_full=1).retention.kept.keys() >= {*ids(weeks[0]), weeks[1][6].id}
    months.world.verify(weeks[3][2])
    plan = months.plan(keep_days=1, keep_full=1)
    assert list(plan.retention.kept) == ids(weeks[3])
    assert plan.retention.damaged.keys() == {*ids(weeks[0]), weeks[1][6].id}
    assert months.plan(keep_days=30, keep_full=1).going == ()


def test_where_nothing_is_whole_nothing_goes(months: Months) -> None:
    for backup in months.days(40):
        months.storage.delete(base_of(backup.id))
    plan = months.plan(keep_days=1, keep_full=1)
    assert not [name for name in plan.names if "partial" not in name]
    assert plan.retention.refusal
    assert plan.retention.refusal.kind == "backup-damaged"


def test_the_log_of_what_is_damaged_stays_as_long_as_that(months: Months) -> None:
    weeks = months.weeks(3)
    months.storage.delete(base_of(weeks[1][0].id))
    months.prune(keep_days=1, keep_full=1)
    assert months.segments()[0] == number_of(weeks[1][0].first_segment)


def test_log_goes_up_to_the_first_segment_that_the_oldest_one_needs(months: Months) -> None:
    weeks = months.weeks(4)
    last = months.segments()[-1]
    oldest = number_of(weeks[3][0].first_segment)
    months.prune(keep_days=1, keep_full=1)
    assert months.segments() == list(range(oldest, last + 1))


def test_each_step_leaves_only_whole_backups_and_log_without_a_hole(months: Months) -> None:
    weeks = months.weeks(3)
    plan = months.plan(keep_days=1, keep_full=1)
    backups = [name for name in plan.names if name.startswith("backups/")]
    wanted = [
        name for one in [*weeks[0][::-1], *weeks[1][::-1]] for name in (manifest_of(one.id), base_of(one.id))
    ]
    assert backups == wanted
    assert plan.names.index(backups[-1]) < min(plan.names.index(name) for name in log(plan))
    numbers = [number_of(found[0]) for name in log(plan) if (found := segment_of(name))]
    assert numbers == list(range(1, number_of(weeks[2][0].first_segment)))


def log(plan: PrunePlan) -> Iterator[str]:
    """The whole segments that go, in order."""
    return (name for name in plan.names if (found := segment_of(name)) and not found[1])


def test_a_second_prune_says_no_changes(months: Months) -> None:
    months.weeks(4)
    first = months.prune(keep_days=3, keep_full=1)
    assert first.steps
    second = months.plan(keep_days=3, keep_full=1)
    assert (second.steps, second.retention.kept) == ((), first.retention.kept)


def test_a_clock_that_jumps_ahead_makes_nothing_old_even_after_new_backups(months: Months) -> None:
    weeks = months.weeks(4)
    months.world.jump(3650, machine=True, storage=True)
    weeks += months.weeks(1)
    plan = months.plan(keep_days=30, keep_full=1)
    assert (plan.going, plan.retention.refusal) == ((), None)
    weeks += months.weeks(1)
    assert months.plan(keep_days=30, keep_full=1).going == tuple(ids(weeks[0][::-1]))


def test_a_clock_that_is_set_right_again_stops_no_prune(months: Months) -> None:
    months.weeks(2)
    months.world.jump(3650, machine=True, storage=True)
    months.weeks(1)
    months.world.jump(-3650, machine=True, storage=True)
    weeks = months.weeks(2)
    assert list(months.plan(keep_days=8, keep_full=1).retention.kept) == ids(*weeks)


@pytest.mark.parametrize(
    ("days", "words"), [(31, "is 31 days old"), (-1, "is from the future"), (9000, "old")]
)
def test_at_a_time_that_cannot_be_nothing_goes_by_age(months: Months, days: int, words: str) -> None:
    months.world.write(3)
    months.world.mark()
    months.weeks(8)
    plan = months.plan(months.world.machine + days * DAY)
    assert plan.retention.refusal
    assert plan.retention.refusal.kind == "clock-jumped"
    assert words in plan.retention.refusal.why
    assert not [name for name in plan.names if "partial" not in name]
    assert len(plan.retention.kept) == 56


def test_at_a_time_that_can_be_it_goes(months: Months) -> None:
    months.weeks(8)
    assert months.plan(months.world.machine + 29 * DAY).going == months.plan().going != ()


def test_the_clock_of_a_bucket_is_asked_too(months: Months) -> None:
    """As after a copy, which gives every object the same time."""
    months.weeks(8)
    for name, (data, _) in months.storage.objects.items():
        months.storage.objects[name] = data, BEGIN
    assert months.plan(keep_days=1, keep_full=1).going == ()


def test_no_bucket_makes_a_backup_old_while_the_clock_of_the_machine_stands_still(months: Months) -> None:
    for _ in range(56):
        months.world.jump(-1, machine=True, storage=False)
        months.day()
    plan = months.plan(keep_days=1, keep_full=1)
    assert (plan.going, plan.retention.refusal) == ((), None)


def test_an_unfinished_backup_goes_when_it_is_certainly_dead(months: Months) -> None:
    months.day()
    cut_off = months.world.cut_off()
    months.world.wait(0.9)
    months.world.write(1)
    assert base_of(cut_off) not in months.plan().names
    months.world.wait(0.1)
    months.world.write(1)
    assert base_of(cut_off) in months.plan().names


def test_what_is_left_of_a_backup_that_was_just_being_deleted_goes_whenever_it_was_verified(
    months: Months,
) -> None:
    weeks = months.weeks(3)
    months.world.verify(weeks[0][6])
    months.world.verify(weeks[2][0])
    first = months.plan(keep_days=1, keep_full=1).names
    index = first.index(manifest_of(weeks[0][6].id))
    for name in first[: index + 1]:
        months.storage.delete(name)
    left = {base_of(weeks[0][6].id), verification_of(weeks[0][6].id)}
    assert left <= set(months.plan(keep_days=1, keep_full=1).names)


def test_the_beginning_of_a_segment_goes_when_all_of_it_is_there(months: Months) -> None:
    months.days(2)
    newest = months.world.number
    assert segment_object(segment_name(1, newest - 2), partial=True) in months.storage.objects
    months.prune()
    assert [name for name in months.storage.objects if "partial" in name] == [
        segment_object(segment_name(1, newest), partial=True)
    ]


def test_log_that_leads_on_to_a_later_timeline_stays_and_what_it_left_goes_with_its_backups(
    months: Months,
) -> None:
    first = months.days(7)
    months.world.write(20)
    months.world.restore(first[6], segments_after=1)
    left = number_of(first[6].last_segment)
    second = months.days(7)
    months.prune(keep_days=10, keep_full=1)
    assert {segment_name(1, number) for number in range(1, left + 20)} <= wal(months)
    months.days(7)
    months.prune(keep_days=3, keep_full=2)
    assert {name[:8] for name in wal(months)} == {"00000002"}
    assert min(wal(months)) == second[0].first_segment
    assert history_object("00000002.history") in months.storage.objects


def wal(months: Months) -> set[str]:
    """The whole segments that are there."""
    found = [segment_of(name) for name in months.storage.objects]
    return {one[0] for one in found if one and not one[1]}


def test_the_newest_backup_that_leads_to_the_present_stays_also_if_later_ones_do_not(months: Months) -> None:
    weeks = months.weeks(4)
    months.world.restore(weeks[0][6])
    plan = months.plan(keep_days=1, keep_full=1)
    assert list(plan.retention.kept) == ids(weeks[0], weeks[3])
    assert plan.retention.kept[weeks[0][6].id] == "the newest that leads to the present"


def test_the_newest_whole_one_stays_also_when_it_was_left_by_a_restore(months: Months) -> None:
    """Although it is neither full nor young, and the present builds on another."""
    first, second = months.days(1)[0], months.world.back_up()
    full = months.world.back_up()
    newest = months.world.back_up(second)
    months.world.verify(first)
    months.world.restore(first)
    for backup in months.days(40):
        months.storage.delete(base_of(backup.id))
    plan = months.plan(keep_days=1, keep_full=1)
    assert plan.retention.kept.keys() >= {first.id, second.id, full.id, newest.id}
    assert plan.retention.kept[newest.id] == "the newest that is whole"


@pytest.mark.parametrize("known", [True, False])
def test_log_of_a_timeline_without_backups_stays_where_a_backup_leads_or_may_lead_to_it(
    months: Months, known: bool
) -> None:
    first = months.weeks(1)[0]
    months.world.restore(first[6])
    months.world.write(5)
    alone = {name for name in wal(months) if name.startswith("00000002")}
    months.world.restore(first[5])
    months.weeks(1)
    contents = look(months.storage, months.world.histories if known else {})
    plan = plan_deletions(contents, retain(contents, SETTINGS, months.world.machine))
    assert plan.retention.refusal is None
    assert len(alone) == 5
    assert not set(plan.names) & {segment_object(name) for name in alone}


def test_without_the_history_of_the_present_nothing_goes(months: Months) -> None:
    weeks = months.weeks(4)
    months.world.restore(weeks[0][6])
    contents = look(months.storage, {})
    plan = plan_deletions(contents, retain(contents, SETTINGS, months.world.machine))
    assert plan.retention.refusal
    assert plan.retention.refusal.kind == "key-missing"
    assert len(plan.retention.kept) == 28


def test_marks_go_with_the_last_backup_before_them(months: Months) -> None:
    before = months.world.mark()
    months.weeks(2)
    within = months.world.mark()
    months.weeks(2)
    names = months.prune(keep_days=8, keep_full=1).names
    assert mark_object(before.name) in names
    assert mark_object(within.name) in names
    after = months.world.mark()
    months.weeks(1)
    assert mark_object(after.name) not in months.prune(keep_days=8, keep_full=1).names


def test_no_log_goes_while_an_unreadable_backup_may_need_it(months: Months) -> None:
    weeks = months.weeks(4)
    manifest = manifest_of(weeks[0][6].id)
    months.storage.objects[manifest] = b"{}", months.storage.objects[manifest][1]
    plan = months.plan(keep_days=1, keep_full=1)
    assert plan.going == tuple(ids(weeks[0][5::-1], weeks[1][::-1], weeks[2][::-1]))
    assert list(log(plan)) == []
    assert weeks[0][6].id in plan.hint
    months.world.verify(weeks[3][0])
    assert list(log(months.plan(keep_days=1, keep_full=1)))


def test_an_empty_storage_has_nothing_to_delete(months: Months) -> None:
    plan = months.plan()
    assert (plan.steps, plan.retention.kept, plan.retention.refusal) == ((), {}, None)


OURS = Owner("7", "age1ours", BEGIN)


def facts(months: Months, owner: Owner | None, system: str | None, recipient: str | None) -> RetentionFacts:
    contents = look(months.storage, {})
    now = months.world.machine
    return RetentionFacts(SETTINGS, months.storage, owner, system, recipient, contents, now)


def test_only_our_own_backups_are_deleted(months: Months) -> None:
    months.weeks(8)
    assert plan_prune(facts(months, OURS, "7", "age1ours")).going
    assert plan_prune(facts(months, OURS, None, "age1ours")).going
    for system, recipient in (("8", "age1ours"), ("7", "age1other"), ("7", None)):
        with pytest.raises(ForeignStorageError) as caught:
            plan_prune(facts(months, OURS, system, recipient))
        assert caught.value.todo
