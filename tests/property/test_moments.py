"""Restores to a time from archives that have been through everything; the truth is which rows exist."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import event, example, given
from hypothesis import strategies as st

from stock_ops.kit.errors import MissingWalError, OpsError, OutOfReachError
from stock_ops.restore.plans.recovery import Choice, Request, choose
from stock_ops.restore.runners.commits import Read, find_passage
from stock_ops.storage.facts.archive import Archive
from stock_ops.storage.objects import segment_object
from stock_ops.storage.timelines import Held, Way, way_to
from stock_ops.storage.wal import SEGMENT_BYTES, format_lsn, number_of, parse_lsn, timeline_of
from tests.property.examples import slow
from tests.unit.ops.archives import BEGIN, DAY, MemoryStorage, World, look

Row = int
SECOND = timedelta(seconds=1)
COMMIT_BYTES = 200


@dataclass(frozen=True)
class Commit:
    """One row that came."""

    timeline: int
    lsn: int
    at: datetime
    row: Row


@dataclass
class Life:
    """An archive, and every commit that its server made."""

    storage: MemoryStorage
    world: World
    commits: list[Commit] = field(default_factory=list)
    shipped: int = 0
    """Where the log that was shipped ends, on the newest timeline."""

    @property
    def lsn(self) -> int:
        return self.world.number * SEGMENT_BYTES + self.world.offset

    def way(self, timeline: int) -> Way:
        return way_to(timeline, self.world.histories.get(timeline))

    def commit(self, seconds: float, late: float) -> None:
        """A row; its time was taken `late` seconds before its record was written, never before a mark."""
        world = self.world
        world.wait(max(seconds, 0.001) / 86400)
        at = max(world.machine - late * SECOND, self.last_mark)
        self.commits.append(Commit(world.timeline, self.lsn, at, len(self.commits)))
        world.offset += COMMIT_BYTES
        world.write(0)

    @property
    def last_mark(self) -> datetime:
        own = [one.mark.at for one in self.world.backups]
        return max([*own, *(mark.at for mark in self.world.marks)], default=BEGIN)

    def restore(self, which: int, how: str) -> None:
        """The server went back to behind some commit that the present builds on."""
        world = self.world
        along = list(self.along(world.timeline))
        if not along or not world.backups:
            return
        last, first = along[-1 - which % len(along)], parse_lsn(world.backups[0].mark.lsn)
        end = last.lsn + COMMIT_BYTES
        if end <= first:
            return
        timeline = max(world.timeline, *world.histories, 1) + 1
        # PostgreSQL stops before the first commit in the log that is later than the time it was given.
        latest = max(one.at for one in along if one.lsn <= last.lsn)
        passed = f"before {latest + SECOND / 1000:%Y-%m-%d %H:%M:%S.%f}+00"
        why = passed if how == "time" else "no recovery target specified"
        world.histories[timeline] = (
            f"{world.histories.get(last.timeline, '')}{last.timeline}\t{format_lsn(end)}\t{why}\n"
        )
        world.timeline = timeline
        world.number, world.offset = divmod(end, SEGMENT_BYTES)

    def along(self, timeline: int) -> Iterator[Commit]:
        """The commits on a way, in the order of the log."""
        for leg in self.way(timeline):
            mine = (one for one in self.commits if one.timeline == leg.timeline)
            for one in sorted(mine, key=lambda one: one.lsn):
                if leg.begin <= one.lsn and (leg.end is None or one.lsn < leg.end):
                    yield one

    def read(self, held: Held) -> Read:
        return Read([(one.lsn, one.at) for one in self.held(held)])

    def held(self, held: Held) -> list[Commit]:
        """The commits that a segment of the storage holds."""
        timeline, begin = timeline_of(held.name), number_of(held.name) * SEGMENT_BYTES
        end = begin + (SEGMENT_BYTES if held.length is None else held.length)
        if timeline == self.world.timeline:
            end = min(end, self.shipped)
        return [one for one in self.along(timeline) if begin <= one.lsn < end]


STEPS = st.one_of(
    st.tuples(st.just("commit"), st.sampled_from([0.001, 2, 2, 60, 3600]), st.sampled_from([0, 0, 0.5, 3])),
    st.tuples(st.just("commit"), st.sampled_from([0.001, 2, 2, 60, 3600]), st.sampled_from([0, 0, 0.5, 3])),
    st.tuples(st.just("bulk"), st.integers(1, 12), st.integers(0, 0)),
    st.tuples(st.just("wait"), st.sampled_from([1, 3600]), st.integers(0, 0)),
    st.tuples(st.just("back up"), st.integers(0, 2), st.integers(0, 3)),
    st.tuples(st.just("mark"), st.integers(0, 0), st.integers(0, 0)),
    st.tuples(st.just("restore"), st.integers(0, 9), st.integers(0, 1)),
)
LIVES = st.tuples(st.lists(STEPS, min_size=3, max_size=25), st.integers(0, 2))
Drawn = tuple[list[tuple[str, float, float]], int]
LATE_COMMIT = [
    ("commit", 0.001, 0),
    ("wait", 1, 0),
    ("restore", 0, 1),
    ("commit", 0.001, 0),
    ("bulk", 1, 0),
    ("commit", 0.001, 0.5),
]
"""A timeline whose second commit bears an earlier time than its first."""
LEFT_AFTER_A_LATE_COMMIT = [
    ("commit", 2, 0),
    ("commit", 0.001, 0.5),
    ("commit", 0.001, 0),
    ("commit", 0.001, 0),
    ("commit", 0.001, 0),
    ("restore", 3, 1),
    ("commit", 0.001, 0),
]
"""A restore to a time left a timeline behind such a commit: the latest one before it tells to which time."""


def lived(drawn: Drawn, *, in_order: bool = False) -> Life:
    """in_order: no commit has an earlier time than the one before it in the log."""
    steps, unshipped = drawn
    storage = MemoryStorage()

    def put(name: str, data: bytes, modified: datetime) -> None:
        storage.objects[name] = data, modified

    life = Life(storage, World(put))
    life.world.back_up()
    for step, one, other in steps:
        _do(life, step, one, 0 if in_order and step == "commit" else other)
    life.world.write(0)
    last = [one.lsn for one in life.commits[-unshipped:]] if unshipped else []
    ours = [lsn for lsn in last if lsn // SEGMENT_BYTES == life.world.number]
    life.shipped = min(ours, default=life.lsn)
    return life


def _do(life: Life, step: str, one: float, other: float) -> None:
    world = life.world
    match step:
        case "commit":
            life.commit(one, other)
        case "bulk":
            world.write(int(one))
        case "wait":
            world.wait(one / 86400)
        case "mark":
            world.mark()
        case "restore":
            life.restore(int(one), "time" if other else "latest")
        case "back up":
            mine = [backup for backup in world.backups if backup.timeline == world.timeline]
            world.back_up(mine[-1] if mine and other else None, spans=int(one))


def asked(life: Life, time: datetime, timeline: int | None = None) -> Choice | OpsError:
    """What `stockops restore --time` finds, before it touches anything: what a dry run promises."""
    archive, request = archive_of(life), Request(time=time, timeline=timeline)
    now = life.world.machine + DAY
    try:
        return choose(find_passage(archive, request, time, now, life.read), request, now)
    except OpsError as error:
        return error


def archive_of(life: Life) -> Archive:
    return look(life.storage, life.world.histories).archive


def recovered(life: Life, choice: Choice, time: datetime) -> list[Row] | None:
    """What PostgreSQL brings back of that log; None: it ends before the target."""
    begin = parse_lsn(choice.backup.mark.lsn)
    rows = [one.row for one in life.along(choice.timeline) if one.lsn < begin]
    for held in choice.wal:
        for one in life.held(held):
            if one.at > time:
                return rows
            if one.lsn >= begin:
                rows.append(one.row)
    return rows if choice.end_is_target else None


def truth(life: Life, time: datetime, timeline: int) -> list[Row]:
    """What had been committed by then, as far as it was shipped."""
    rows = []
    for one in shipped(life, timeline):
        if one.at > time:
            break
        rows.append(one.row)
    return rows


def shipped(life: Life, timeline: int) -> list[Commit]:
    newest = timeline == life.world.timeline
    return [one for one in life.along(timeline) if not (newest and one.lsn >= life.shipped)]


def moments(life: Life, timeline: int) -> set[datetime]:
    """Those at which something changes, and those right before and after them."""
    marks = [one.mark.at for one in life.world.backups] + [one.at for one in life.world.marks]
    times = [*marks, *(one.at for one in life.along(timeline))]
    return {time + shift * SECOND for time in times for shift in (-2, -0.5, -1e-6, 0, 1e-6, 0.5, 2)}


def is_left_behind(life: Life, time: datetime) -> bool:
    """Whether nothing was committed then on a timeline that another one had left.

    Its first commit is the first in the log: a later one may bear an earlier time.
    """
    legs = life.way(life.world.timeline)
    for left, begun in pairwise(legs):
        before = [one.at for one in life.along(left.timeline) if one.lsn < begun.begin]
        after = [one.at for one in life.along(life.world.timeline) if one.lsn >= begun.begin]
        if before and max(before) <= time and (not after or time < after[0]):
            return True
    return False


@slow(100)
@given(LIVES)
@example((LATE_COMMIT, 0))
@example((LEFT_AFTER_A_LATE_COMMIT, 0))
def test_every_moment_from_the_first_mark_to_the_newest_shipped_commit_comes_back_as_it_was(
    drawn: Drawn,
) -> None:
    life = lived(drawn)
    newest = life.world.timeline
    usable = [one for one in life.world.backups if _is_on(life, one.timeline, one.mark.lsn, newest)]
    there, first = shipped(life, newest), usable[0].mark.at
    for time in moments(life, newest):
        found = asked(life, time)
        if there and first <= time <= there[-1].at and not is_left_behind(life, time):
            assert isinstance(found, Choice), (time, found)
        if isinstance(found, Choice):
            assert recovered(life, found, time) == truth(life, time, newest), time
            event(f"ends with the log: {found.end_is_target}")
        else:
            assert isinstance(found, OutOfReachError), found


@slow(60)
@given(LIVES)
def test_the_timelines_that_were_left_can_be_reached_as_well(drawn: Drawn) -> None:
    life = lived(drawn)
    for timeline in range(1, life.world.timeline):
        for time in moments(life, timeline):
            found = asked(life, time, timeline)
            if isinstance(found, Choice):
                assert recovered(life, found, time) == truth(life, time, timeline), time


@slow(60)
@given(LIVES, st.integers(0, 10**6))
def test_where_log_is_lost_a_moment_comes_back_as_it_was_or_is_refused_before_anything_begins(
    drawn: Drawn, which: int
) -> None:
    life = lived(drawn, in_order=True)
    newest = life.world.timeline
    names = sorted(name for name in archive_of(life).whole)
    life.storage.delete(segment_object(names[which % len(names)]))
    for time in moments(life, newest):
        found = asked(life, time)
        if isinstance(found, Choice):
            assert recovered(life, found, time) == truth(life, time, newest), time
        else:
            assert not isinstance(found, MissingWalError) or "--time" in found.todo


def _is_on(life: Life, timeline: int, lsn: str, newest: int) -> bool:
    return any(
        leg.timeline == timeline and leg.begin <= parse_lsn(lsn) <= (leg.end or 2**64)
        for leg in life.way(newest)
    )
