"""A restore that is cut off anywhere, and again, ends with the new data in place and the old ones kept."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from stock_ops.kit.errors import CorruptFileError, UnfinishedRestoreError, UnfitError
from stock_ops.local.facts.instance import Unreadable
from stock_ops.local.facts.unfinished import STAGES, Stage
from stock_ops.local.plans.up import plan_up
from stock_ops.restore.facts.progress import Progress, Target, Works, dump_progress, read_progress
from stock_ops.restore.plans.steps import (
    Begin,
    BuildCluster,
    Exchange,
    FetchBackup,
    FetchLog,
    Finish,
    KeepOld,
    KeepRest,
    MoveIn,
    Prove,
    Reach,
    Recover,
    Settle,
    Step,
    plan_place,
    plan_restore,
)
from stock_ops.storage.timelines import Held
from stock_ops.storage.wal import segment_name
from tests.unit.ops.builders import stopped

CHAIN = ("20261124T000000Z-full", "20261125T000000Z-incr")
WANTED = Progress(
    asked="latest of /storage",
    chain=CHAIN,
    timeline=1,
    target=Target("latest"),
    wal=(Held(segment_name(1, 3), partial=False), Held(segment_name(1, 4), partial=True)),
    gap="",
    boot="boot-1",
    keep="20261126T000000Z",
)
LIFE = ("half", "built", "proven", "recovered", "settled")


class Cut(Exception):  # noqa: N818 - it is no error
    """The machine, or the process, went away."""


@dataclass
class Cluster:
    inode: int
    life: str

    @property
    def is_old(self) -> bool:
        return self.inode == 1


@dataclass
class Disk:
    """What lies on the disk; each change is one that the kernel does whole or not at all."""

    swaps: bool = True
    """Whether the file system can exchange two folders."""
    placed: Cluster | None = None
    built: Cluster | None = None
    kept: dict[str, Cluster] = field(default_factory=dict)
    chain: set[str] = field(default_factory=set)
    log: bool = False
    progress: Progress | None = None
    inodes: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    def works(self) -> Works:
        return Works(
            progress=self.progress,
            fetched=frozenset(self.chain),
            built=self.built.inode if self.built else None,
            placed=self.placed.inode if self.placed else None,
        )

    def changes(self, step: Step) -> Iterator[Callable[[], None]]:
        """What a step does, change by change."""
        match step:
            case Begin(progress):
                yield from self.clear()
                yield lambda: self.remember(progress)
            case FetchBackup(name):
                yield lambda: None
                yield lambda: self.chain.add(name)
            case BuildCluster(chain):
                if self.built is None:
                    assert set(chain) <= self.chain
                    yield lambda: None
                    yield lambda: self.put_built("built")
            case FetchLog():
                yield lambda: None
                yield self.have_log
            case Prove():
                assert self.log
                yield lambda: self.live(("built", "half", "proven"), "half")
                yield lambda: self.live(("half",), "proven")
            case Recover():
                yield lambda: self.live(("proven", "recovered"), "recovered")
            case Settle():
                yield lambda: self.live(("recovered", "settled"), "settled")
            case Reach(stage):
                yield lambda: self.reach(stage)
            case Exchange(keep) if self.swaps:
                yield self.exchange
            case Exchange(keep):
                yield lambda: self.keep_placed(keep)
                yield self.move_in
            case MoveIn():
                yield self.move_in
            case KeepOld(keep):
                if self.swaps:
                    yield lambda: self.keep_built(keep)
            case KeepRest():
                yield lambda: None
            case Finish():
                yield self.drop_chain
                yield self.drop_built
                yield self.forget

    def clear(self) -> Iterator[Callable[[], None]]:
        yield self.forget
        yield self.drop_chain
        yield self.drop_built

    def forget(self) -> None:
        self.progress = None

    def drop_chain(self) -> None:
        self.chain, self.log = set(), False

    def drop_built(self) -> None:
        assert self.built is None or not self.built.is_old, "the old data would have been deleted"
        self.built = None

    def put_built(self, life: str) -> None:
        self.built = Cluster(next(self.inodes), life)

    def have_log(self) -> None:
        self.log = True

    def live(self, before: tuple[str, ...], after: str) -> None:
        assert self.built
        assert self.built.life in before
        self.built.life = after

    def remember(self, progress: Progress) -> None:
        self.progress = progress

    def reach(self, stage: Stage) -> None:
        assert self.progress
        new = self.built.inode if stage == "place" and self.built else 0
        self.progress = replace(self.progress, stage=stage, new=new)

    def exchange(self) -> None:
        self.placed, self.built = self.built, self.placed

    def keep_placed(self, keep: str) -> None:
        assert self.placed
        self.kept[keep], self.placed = self.placed, None

    def keep_built(self, keep: str) -> None:
        assert self.built
        assert self.built.is_old
        self.kept[keep], self.built = self.built, None

    def move_in(self) -> None:
        assert self.placed is None
        self.placed, self.built = self.built, None

    def holds(self, *, had_old: bool) -> None:
        """The invariant."""
        everywhere = [self.placed, self.built, *self.kept.values()]
        assert not had_old or any(one and one.is_old for one in everywhere)
        if self.placed is None:
            assert not had_old or (not self.swaps and self.progress and self.progress.stage == "place")
        else:
            assert self.placed.is_old or self.placed.life == "settled"


def run(disk: Disk, wanted: Progress, *, had_old: bool, changes: int | None = None) -> int:
    """Run the plan; cut it off after so many changes. Returns how many there were."""
    count = 0
    for step in plan_restore(wanted, disk.works()):
        for change in disk.changes(step):
            if count == changes:
                raise Cut
            change()
            count += 1
            disk.holds(had_old=had_old)
    return count


def run_if_unfinished(disk: Disk, wanted: Progress, *, had_old: bool, changes: int | None = None) -> None:
    """As an operator does who sees that the restore did not end."""
    if disk.progress is not None or disk.placed is None or disk.placed.is_old:
        run(disk, wanted, had_old=had_old, changes=changes)


def fresh(*, had_old: bool, swaps: bool) -> Disk:
    return Disk(placed=Cluster(1, "old") if had_old else None, swaps=swaps)


def is_restored(disk: Disk, *, had_old: bool) -> None:
    assert disk.placed
    assert (disk.placed.life, disk.placed.is_old) == ("settled", False)
    assert [one.is_old for one in disk.kept.values()] == [True] * had_old
    assert (disk.progress, disk.built, disk.chain) == (None, None, set())


CASES = pytest.mark.parametrize(("had_old", "swaps"), [(True, True), (True, False), (False, True)])


@CASES
def test_a_restore_that_nothing_cuts_off(had_old: bool, swaps: bool) -> None:
    disk = fresh(had_old=had_old, swaps=swaps)
    assert run(disk, WANTED, had_old=had_old) > 15
    is_restored(disk, had_old=had_old)


@CASES
@pytest.mark.parametrize("boot", ["boot-1", "boot-2"], ids=["killed", "power lost"])
def test_a_restore_cut_off_twice_anywhere_comes_to_the_same_end(
    had_old: bool, swaps: bool, boot: str
) -> None:
    """Also when the machine went down between the two, and what was not flushed cannot be relied on."""
    total = run(fresh(had_old=had_old, swaps=swaps), WANTED, had_old=had_old)
    for first, second in itertools.product(range(total), range(total + 4)):
        disk = fresh(had_old=had_old, swaps=swaps)
        with pytest.raises(Cut):
            run(disk, WANTED, had_old=had_old, changes=first)
        if disk.progress and disk.progress.stage != "place" and boot != WANTED.boot:
            disk.built = replace(disk.built, life="half") if disk.built else None
        again = replace(WANTED, boot=boot, keep="later")
        with contextlib.suppress(Cut):
            run_if_unfinished(disk, again, had_old=had_old, changes=second)
        run_if_unfinished(disk, again, had_old=had_old)
        assert disk.progress is None
        assert disk.placed
        assert (disk.placed.life, disk.placed.is_old) == ("settled", False)
        assert [one.is_old for one in disk.kept.values()] == [True] * had_old


@CASES
def test_another_request_begins_anew_but_never_in_the_midst_of_the_swap(had_old: bool, swaps: bool) -> None:
    total = run(fresh(had_old=had_old, swaps=swaps), WANTED, had_old=had_old)
    other = replace(WANTED, asked="time of /storage")
    for cut in range(total):
        disk = fresh(had_old=had_old, swaps=swaps)
        with pytest.raises(Cut):
            run(disk, WANTED, had_old=had_old, changes=cut)
        steps = plan_restore(other, disk.works())
        placing = disk.progress is not None and disk.progress.stage == "place"
        assert isinstance(steps[0], Begin) is not placing
        assert bool(plan_place(disk.works())) is placing


@pytest.mark.parametrize("stage", STAGES)
def test_nothing_that_is_done_is_done_again(stage: Stage) -> None:
    works = Works(replace(WANTED, stage=stage, new=5), frozenset(CHAIN[:1]), built=5, placed=1)
    steps = plan_restore(WANTED, works)
    kinds = [type(step) for step in steps]
    order = [FetchBackup, BuildCluster, FetchLog, Prove, Recover, Settle, Exchange]
    assert [kind for kind in kinds if kind in order] == order[STAGES.index(stage) :]
    if stage == "fetch":
        assert steps[0] == FetchBackup(CHAIN[1])


def test_clusters_that_somebody_moved_are_not_guessed_at() -> None:
    works = Works(replace(WANTED, stage="place", new=5), frozenset(), built=6, placed=1)
    with pytest.raises(UnfitError, match="they were moved"):
        plan_restore(WANTED, works)


def test_a_progress_that_cannot_be_read_is_not_guessed_at() -> None:
    works = Works(Unreadable(Path("/data/restore/restore.json"), "nonsense"), frozenset(), built=6, placed=1)
    with pytest.raises(CorruptFileError) as caught:
        plan_place(works)
    assert "delete nothing" in caught.value.todo


def test_progress_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_progress(tmp_path) is None
    for progress in (WANTED, replace(WANTED, stage="place", new=7)):
        (tmp_path / "restore.json").write_text(dump_progress(progress))
        assert read_progress(tmp_path) == progress
    for wrong in ("", "[]", "{}", dump_progress(WANTED).replace('"fetch"', '"elsewhere"')):
        (tmp_path / "restore.json").write_text(wrong)
        assert isinstance(read_progress(tmp_path), Unreadable)


def test_nothing_starts_while_a_restore_is_putting_its_data_in_place() -> None:
    with pytest.raises(UnfinishedRestoreError) as caught:
        plan_up(replace(stopped(), putting_in_place=True), None)
    assert "stockops restore" in caught.value.todo
