"""Pruning archives that have been through everything, cut off after every single deletion."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import event, example, given
from hypothesis import strategies as st

from stock_ops.backup.plans.prune import PrunePlan, plan_deletions
from stock_ops.backup.plans.retention import STEP, retain
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.errors import OpsError
from stock_ops.restore.plans.recovery import Choice, Request, choose
from stock_ops.storage.facts.contents import Contents
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.objects import base_of, manifest_of, segment_object
from stock_ops.storage.plans import judge
from stock_ops.storage.timelines import holds, way_to
from stock_ops.storage.wal import parse_lsn
from tests.property.examples import slow
from tests.unit.ops.archives import BEGIN, DAY, MemoryStorage, World, look

Answer = Choice | type[OpsError]


@dataclass
class Case:
    """An archive with its history, and who prunes it."""

    storage: MemoryStorage
    world: World
    settings: BackupSettings
    now: datetime
    known: dict[int, str] = field(default_factory=dict)
    """The histories that the pruner knows; the others are sealed for it."""

    def plan(self, storage: MemoryStorage) -> PrunePlan:
        contents = look(storage, self.known)
        return plan_deletions(contents, retain(contents, self.settings, self.now))

    def truth(self, storage: MemoryStorage) -> Contents:
        return look(storage, self.world.histories)


SMALL = st.integers(0, 7)
STEPS = st.one_of(
    st.tuples(st.just("back up"), st.sampled_from([0, 0, 0, 1, 2]), st.sampled_from([0.3, 1, 1, 1, 1.9, 6])),
    st.tuples(st.just("back up"), st.sampled_from([0, 0, 0, 1, 2]), st.sampled_from([0.3, 1, 1, 1, 1.9, 6])),
    st.tuples(st.just("full"), SMALL, st.sampled_from([0.3, 1, 1, 1, 1.9, 6])),
    st.tuples(st.just("full"), SMALL, st.sampled_from([0.3, 1, 1, 1, 1.9, 6])),
    st.tuples(st.just("verify"), SMALL, SMALL),
    st.tuples(st.just("mark"), SMALL, SMALL),
    st.tuples(st.just("cut off"), SMALL, SMALL),
    st.tuples(st.just("restore"), SMALL, st.integers(0, 2)),
    st.tuples(st.just("jump"), st.sampled_from([-400, -5, 5, 400]), st.integers(1, 3)),
    st.tuples(st.just("damage"), SMALL, st.integers(0, 5)),
)
CASES = st.tuples(
    st.tuples(
        st.lists(STEPS, min_size=8, max_size=20),
        st.sampled_from([[], [], [("restore", 4, 0)], [("restore", 7, 1)]]),
    ).map(lambda parts: [*parts[0], *parts[1]]),
    st.integers(1, 3),
    st.sampled_from([1, 1, 2]),
    st.sampled_from([0.01] * 12 + [-2, 400]),
    st.sampled_from([True, True, False]),
)


Drawn = tuple[list[tuple[str, float, float]], int, int, float, bool]
"""Steps, keep_days, keep_full, days until the prune, whether the pruner has the key."""


def lived(drawn: Drawn) -> Case:
    """The archive that these steps make."""
    steps, keep_days, keep_full, later, has_key = drawn
    storage = MemoryStorage()

    def put(name: str, data: bytes, modified: datetime) -> None:
        storage.objects[name] = data, modified

    world = World(put)
    for step, one, other in steps:
        _DO[step](world, storage, one, other)
    world.wait(later)
    rules = BackupSettings("/b", Path("/k"), keep_days=keep_days, keep_full=keep_full)
    return Case(storage, world, rules, world.machine, world.histories if has_key else {})


def live_on(case: Case, steps: list[tuple[str, float, float]]) -> None:
    """More happens to it; the one who prunes looks at it afterwards."""
    for step, one, other in steps:
        _DO[step](case.world, case.storage, one, other)
    case.now = case.world.machine


def _back_up(world: World, _: MemoryStorage, spans: float, days: float) -> None:
    """On top of the newest of the timeline, if there is one."""
    world.wait(days)
    mine = [one for one in world.backups if one.timeline == world.timeline]
    world.back_up(mine[-1] if mine else None, spans=int(spans))


def _full(world: World, _: MemoryStorage, segments: float, days: float) -> None:
    world.wait(days)
    world.back_up()
    world.write(int(segments) % 3)


def _verify(world: World, _: MemoryStorage, which: float, __: float) -> None:
    if world.backups:
        world.verify(world.backups[int(which) % len(world.backups)])


def _restore(world: World, _: MemoryStorage, which: float, segments: float) -> None:
    if world.backups:
        world.restore(world.backups[-1 - int(which) % len(world.backups)], segments_after=int(segments))


def _jump(world: World, _: MemoryStorage, days: float, whose: float) -> None:
    world.jump(days, machine=int(whose) != 2, storage=int(whose) != 1)


def _damage(world: World, storage: MemoryStorage, which: float, how: float) -> None:
    if not world.backups:
        return
    backup = world.backups[-1 - int(which) % len(world.backups)]
    base, manifest, log = base_of(backup.id), manifest_of(backup.id), segment_object(backup.last_segment)
    match int(how):
        case 0:
            storage.delete(base)
        case 1 if base in storage.objects:
            storage.objects[base] = b"cut", storage.objects[base][1]
        case 2 if manifest in storage.objects:
            storage.objects[manifest] = b"{}", storage.objects[manifest][1]
        case 3:
            storage.delete(log)
        case 4:
            storage.delete(manifest)
        case 5:
            world.find_damaged(backup)


_DO = {
    "back up": _back_up,
    "full": _full,
    "verify": _verify,
    "mark": lambda world, *_: world.mark(),
    "cut off": lambda world, *_: world.cut_off(),
    "restore": _restore,
    "jump": _jump,
    "damage": _damage,
}


def asked(contents: Contents, request: Request) -> Answer:
    """What a restore would do, or why it would not."""
    try:
        return choose(contents.archive, request, BEGIN)
    except OpsError as error:
        return type(error)


def flaws(contents: Contents) -> dict[str, str | None]:
    """Of every backup whose manifest can be read: by its files, or as a verification of its chain found."""
    archive, found = contents.archive, {}
    for timeline in {one.timeline for one in archive.backups}:
        for backup, flaw in judge(archive, way_to(timeline, None)):
            found[backup.id] = flaw
    parents = {one.id: one.parent for one in archive.backups}
    for name in parents:
        above: str | None = name
        while above:
            found[name] = found[name] or ("found" if above in contents.found_damaged else None)
            above = parents.get(above)
    return found


def in_truth(case: Case, contents: Contents) -> list[Manifest]:
    """The backups that are whole, in the order in which they were made."""
    whole = {name for name, flaw in flaws(contents).items() if flaw is None}
    return [one for one in case.world.backups if one.id in whole]


def leading(case: Case, contents: Contents) -> list[Manifest]:
    """Those of them that lead to the present."""
    way = way_to(contents.archive.timeline, case.world.histories.get(contents.archive.timeline))
    return [one for one in in_truth(case, contents) if holds(way, one.timeline, parse_lsn(one.mark.lsn))]


def must_stay(case: Case, contents: Contents) -> set[str]:
    """What the rules promise, told without the plan."""
    whole = in_truth(case, contents)
    fulls = [one for one in whole if one.kind == "full"]
    verified = [one for one in whole if one.id in contents.verifications]
    stay = {one.id for one in (*fulls[-case.settings.keep_full :], *verified[-1:], *whole[-1:])}
    stay |= {one.id for one in leading(case, contents)[-1:]}
    stay |= set(_young(case, contents)) | set(_damaged_that_stay(case, contents, verified[-1:]))
    by_id = {one.id: one for one in contents.archive.backups}
    todo = list(stay)
    while todo:
        parent = by_id[name].parent if (name := todo.pop()) in by_id else None
        if parent in by_id and parent not in stay:
            stay.add(parent)
            todo.append(parent)
    return stay


def _young(case: Case, contents: Contents) -> Iterable[str]:
    """By the clock that never is wrong; a jump may make a backup older by as much as one step."""
    made = case.world.made_at
    newest = max((made[one.id] for one in contents.archive.backups), default=timedelta(0))
    for backup in contents.archive.backups:
        if newest - made[backup.id] + case.world.jumps * STEP < case.settings.keep_days * DAY:
            yield backup.id


def _damaged_that_stay(case: Case, contents: Contents, verified: list[Manifest]) -> Iterable[str]:
    order = [one.id for one in case.world.backups]
    for name, flaw in flaws(contents).items():
        if flaw and not (verified and order.index(verified[0].id) > order.index(name)):
            yield name
    if not verified:
        yield from contents.archive.damaged


def requests(case: Case, contents: Contents, names: Iterable[str]) -> list[Request]:
    """Every restore that these backups are good for."""
    by_id = {one.id: one for one in contents.archive.backups}
    kept = [by_id[name] for name in names if name in by_id]
    timelines = sorted({1, *case.world.histories, contents.archive.timeline})
    found = [Request(backup=one.id, timeline=one.timeline) for one in kept]
    found += [Request(backup=one.id, latest=True, timeline=to) for one in kept for to in timelines]
    found += [
        Request(backup=one.id, mark=mark.name, timeline=mark.timeline)
        for one in kept
        for mark in contents.archive.marks
    ]
    return found


def answers(case: Case, contents: Contents, names: Iterable[str]) -> dict[Request, Answer]:
    return {one: asked(contents, one) for one in requests(case, contents, names)}


def check(contents: Contents, before: Contents, promised: dict[Request, Answer]) -> None:
    """What could be restored from what stays still can, from the same; nothing is half there."""
    for request, answer in promised.items():
        if isinstance(answer, Choice):
            assert asked(contents, request) == answer, request
    was_whole = {name for name, flaw in flaws(before).items() if flaw is None}
    now_damaged = {name for name, flaw in flaws(contents).items() if flaw}
    assert not was_whole & now_damaged
    assert set(contents.archive.damaged) <= set(before.archive.damaged)


def prune(storage: MemoryStorage, names: Iterable[str]) -> None:
    for name in names:
        storage.delete(name)


def copy(storage: MemoryStorage) -> MemoryStorage:
    return MemoryStorage(dict(storage.objects))


def chains(contents: Contents) -> list[set[str]]:
    """Backups that build on one another."""
    parents = {one.id: one.parent for one in contents.archive.backups}
    found: dict[str, set[str]] = {}
    for name in parents:
        full = name
        while above := parents.get(full):
            full = above
        found.setdefault(full, set()).add(name)
    return list(found.values())


PARENTS_COPY: Drawn = (
    [
        ("back up", 0, 0.3),
        ("restore", 0, 0),
        ("jump", -400, 1),
        ("damage", 0, 2),
        *[("back up", 0.0, 0.3)] * 4,
        ("damage", 3, 3),
    ],
    1,
    1,
    0.01,
    True,
)
"""The only segment of a backup is gone; its parent timeline has one of the same number."""
DAMAGED_AND_VERIFIED: Drawn = (
    [
        *[("back up", 0.0, 0.3)] * 2,
        ("verify", 0, 0),
        ("back up", 0, 0.3),
        ("damage", 0, 0),
        ("damage", 7, 2),
        ("damage", 1, 5),
        ("verify", 2, 0),
        ("full", 5, 1.9),
        ("back up", 0, 1),
        ("full", 7, 1),
        ("full", 4, 1.9),
        ("damage", 7, 2),
        ("verify", 3, 0),
    ],
    3,
    1,
    0.01,
    False,
)
"""A chain whose deletion was cut off has lost what told that it could go."""


@slow(200)
@example(PARENTS_COPY)
@given(CASES)
def test_what_the_rules_promise_stays_and_can_be_restored_as_before(drawn: Drawn) -> None:
    case = lived(drawn)
    before = case.truth(case.storage)
    plan, stay = case.plan(case.storage), must_stay(case, before)
    assert stay <= plan.retention.kept.keys()
    promised = answers(case, before, plan.retention.kept)
    prune(case.storage, plan.names)
    after = case.truth(case.storage)
    check(after, before, promised)
    assert leading(case, after)[-1:] == leading(case, before)[-1:]
    assert all(
        chain <= plan.retention.kept.keys() or not chain & plan.retention.kept.keys()
        for chain in chains(before)
    )
    assert case.plan(case.storage).steps == ()
    event(f"backups go: {min(len(plan.going), 4)}, refused: {plan.retention.refusal is not None}")
    event(f"log goes: {any(name.startswith('wal/') and 'partial' not in name for name in plan.names)}")


@slow(60)
@example(DAMAGED_AND_VERIFIED)
@given(CASES)
def test_a_prune_may_be_cut_off_after_any_deletion_and_the_next_one_does_the_rest(drawn: Drawn) -> None:
    case = lived(drawn)
    before = case.truth(case.storage)
    plan = case.plan(case.storage)
    promised = answers(case, before, plan.retention.kept)
    cut, done = case.storage, copy(case.storage)
    prune(done, plan.names)
    for name in plan.names:
        cut.delete(name)
        check(case.truth(cut), before, promised)
        rest = case.plan(cut)
        assert plan.retention.kept.keys() <= rest.retention.kept.keys()
        finished = copy(cut)
        prune(finished, rest.names)
        check(case.truth(finished), before, promised)
        assert case.plan(finished).steps == ()
        if not case.world.jumps:
            # Beside what is damaged more may stay: half of a deleted chain no longer tells what it was.
            assert finished.objects.keys() >= done.objects.keys()
        if not case.world.jumps and not before.archive.damaged and not before.found_damaged:
            assert finished.objects.keys() == done.objects.keys()
    event(f"deletions: {len(plan.names) // 10 * 10}")


@slow(100)
@given(CASES, st.floats(-4000, 4000))
def test_at_no_time_goes_more_than_at_the_time_of_the_newest_backup(drawn: Drawn, days: float) -> None:
    case = lived(drawn)
    readable = case.truth(case.storage).archive.backups
    case.now = next((one.mark.at for one in reversed(case.world.backups) if one in readable), case.now)
    at_once = case.plan(case.storage)
    case.now += days * DAY
    assert set(case.plan(case.storage).names) <= set(at_once.names) or at_once.retention.refusal
