"""A copy of storages that have been through everything: it comes to rest, and restores as they do."""

from dataclasses import replace

from hypothesis import event, example, given
from hypothesis import strategies as st

from stock_ops.backup.plans.copy import plan_copy, plan_copy_prune
from stock_ops.backup.runners.copy import Copier
from stock_ops.restore.plans.recovery import Choice, Request
from stock_ops.storage.facts.contents import Contents
from tests.property.examples import slow
from tests.property.test_retention import CASES, STEPS, Case, Drawn, asked, live_on, lived, prune
from tests.unit.ops.archives import MemoryStorage, look

MORE = st.lists(STEPS, max_size=8)


class Copying:
    """A case, and a copy of its storage.

    retired: what the ledger of the first storage has given up.
    """

    def __init__(self, case: Case) -> None:
        self.case, self.copy = case, MemoryStorage()
        self.copier = Copier(case.storage, self.copy, dict)
        self.retired: frozenset[str] = frozenset()

    @property
    def first_contents(self) -> Contents:
        return look(self.case.storage, self.case.world.histories)

    @property
    def copy_contents(self) -> Contents:
        return look(self.copy, self.case.world.histories)

    def sync(self, limit: int = 10**6) -> bool:
        """One round, which may be cut off after so many objects; whether there was anything to do."""
        self.copy.now = self.case.world.storage
        first, copier = self.first_contents, self.copier
        plan = plan_copy(first, self.copy_contents, copier.shipped)
        copier.ship_log(plan.log[:limit])
        left: set[str | None] = {None} if limit < len(plan.log) else set()
        for one in plan.backups[: max(0, limit - len(plan.log))]:
            if not left and copier.ship_backup(one):
                continue
            left.add(one.backup.id)
        deletions = plan_copy_prune(first, self.copy_contents, self.retired).names
        prune(self.copy, deletions[:limit])
        return bool(plan.log or plan.backups or deletions)

    def prune_first(self) -> None:
        """As `stockops backup prune` does: the ledger gives up first what is deleted then."""
        plan = self.case.plan(self.case.storage)
        self.retired |= {backup for chain in plan.retention.going for backup in chain}
        prune(self.case.storage, plan.names)


VERIFIED_IN_THE_FIRST_ONLY: Drawn = (
    [
        *[("back up", 0.0, 0.3)] * 2,
        *[("full", 0.0, 0.3)] * 2,
        *[("verify", 0.0, 0.0)] * 3,
        ("back up", 0, 0.3),
    ],
    1,
    1,
    0.01,
    True,
)
"""The copy keeps other full backups than the first storage, which lacks one that the copy still has."""

DAMAGED_AFTER_IT_WAS_SHIPPED: Drawn = (
    [
        *[("back up", 0.0, 0.3)] * 4,
        ("back up", 0, 1.9),
        ("damage", 0, 1),
        ("back up", 0, 1),
        ("full", 0, 6),
    ],
    1,
    1,
    0.01,
    True,
)

ONLY_THE_COPY_HAS_A_WHOLE_ONE: Drawn = (
    [
        ("jump", -400, 1),
        *[("back up", 0.0, 0.3)] * 2,
        ("jump", -400, 1),
        ("full", 0, 0.3),
        ("damage", 5, 0),
        ("cut off", 0, 0),
    ],
    1,
    1,
    0.01,
    True,
)
"""The first storage loses the manifest of the only backup in the copy, and with it which log that needs."""


@slow(50)
@example(
    VERIFIED_IN_THE_FIRST_ONLY,
    [("verify", 7, 0), ("full", 0, 1), ("restore", 0, 0), ("back up", 0, 0.3), ("restore", 5, 0)],
    13,
)
@example(DAMAGED_AFTER_IT_WAS_SHIPPED, [("damage", 0, 2)], 4)
@example(ONLY_THE_COPY_HAS_A_WHOLE_ONE, [("damage", 0, 2)], 11)
@given(CASES, MORE, st.integers(1, 40))
def test_a_copy_comes_to_rest_and_what_is_in_it_can_be_restored(
    drawn: Drawn, more: list[tuple[str, float, float]], limit: int
) -> None:
    case = lived(drawn)
    copying = Copying(case)
    copying.sync(limit)
    live_on(case, more)
    copying.sync(limit)
    copying.prune_first()
    for _ in range(4):
        if not copying.sync():
            break
    else:
        raise AssertionError("it ships and deletes the same again and again")
    first, copy = copying.first_contents, copying.copy_contents
    assert not copy.archive.damaged.keys() - first.archive.damaged.keys()
    for backup in copy.archive.backups:
        request = Request(backup=backup.id, timeline=backup.timeline)
        if isinstance(there := asked(first, request), Choice):
            assert isinstance(found := asked(copy, request), Choice), request
            assert (found.backup, found.chain, found.target) == (there.backup, there.chain, there.target)
    event(f"backups in the copy: {min(len(copy.archive.backups), 5)}")


LEFT_BEFORE_A_LATER_BACKUP: Drawn = (
    [
        *[("back up", 0.0, 0.3)] * 2,
        ("damage", 0, 3),
        ("full", 0, 0.3),
        *[("back up", 0.0, 0.3)] * 5,
        ("restore", 7, 1),
    ],
    1,
    1,
    0.01,
    True,
)
"""The backup that leads to the present lies behind others that do not."""


@slow(40)
@example(LEFT_BEFORE_A_LATER_BACKUP)
@given(CASES)
def test_the_latest_point_comes_from_the_copy_as_from_the_first_one(drawn: Drawn) -> None:
    case = lived(drawn)
    copying = Copying(case)
    for _ in range(3):
        copying.sync()
    there = asked(without_damaged(copying.first_contents), Request())
    if isinstance(there, Choice):
        found = asked(copying.copy_contents, Request())
        assert isinstance(found, Choice)
        assert (found.backup.id, found.timeline, found.wal) == (there.backup.id, there.timeline, there.wal)


def without_damaged(contents: Contents) -> Contents:
    """Without the backups that a verification found damaged, and all that builds on them."""
    bad = set(contents.found_damaged)
    for backup in contents.archive.backups:
        bad |= {backup.id} if backup.parent in bad else set()
    backups = tuple(one for one in contents.archive.backups if one.id not in bad)
    return replace(contents, archive=replace(contents.archive, backups=backups))
