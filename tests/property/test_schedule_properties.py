"""The schedule under clocks that jump and processes that end at any moment."""

import itertools
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.watch.plans.schedule import Event, History, Job, Moment, Task, Tries, next_backup_at, next_job

SETTINGS = BackupSettings(storage="/b", key_file=Path("/k"))
BEGIN = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR_S = 3600.0
TICK_S = 600.0
TASKS: dict[Job, Task] = {"full": "backup", "incr": "backup", "prune": "prune", "drill": "drill"}


@dataclass
class World:
    """A machine with two clocks and a store of what was done."""

    wall: datetime = BEGIN
    steady_s: float = 5000.0
    history: History = field(default_factory=lambda: History(started_s=5000.0))
    done: list[tuple[float, str]] = field(default_factory=list)
    works: bool = True

    def restart(self) -> None:
        """Another process: the steady times of what was done mean nothing any more."""
        now = self.history
        self.history = replace(
            now,
            started_s=self.steady_s,
            tries={},
            first=_stored(now.first),
            backup=_stored(now.backup),
            full=_stored(now.full),
            drill=_stored(now.drill),
        )

    def live(self, seconds: float) -> None:
        end_s = self.steady_s + seconds
        while self.steady_s < end_s:
            self.steady_s += TICK_S
            self.wall += timedelta(seconds=TICK_S)
            job = next_job(Moment(self.wall, self.steady_s), self.history, SETTINGS)
            if job:
                self._do(job)

    def _do(self, job: Job) -> None:
        self.done.append((self.steady_s, job))
        task = TASKS[job]
        before = self.history.tries.get(task)
        if not self.works:
            failures = before.failures + 1 if before else 1
            tries = {**self.history.tries, task: Tries(failures, self.steady_s)}
            self.history = replace(self.history, tries=tries)
            return
        event = Event(self.wall, self.steady_s)
        if task == "backup":
            full = event if job == "full" else self.history.full
            first = self.history.first or event
            self.history = replace(
                self.history,
                first=first,
                backup=event,
                full=full,
                prune_wanted=True,
                broken=self.history.broken and job != "full",
            )
        elif task == "prune":
            self.history = replace(self.history, prune_wanted=False)
        else:
            self.history = replace(self.history, drill=event)

    def backups(self) -> list[float]:
        return [at for at, job in self.done if job in {"full", "incr"}]


def _stored(event: Event | None) -> Event | None:
    return Event(event.at) if event else None


JUMPS = st.lists(
    st.tuples(
        st.floats(-80 * 365, 80 * 365) | st.floats(-3, 3) | st.just(0.0),
        st.floats(0.2, 60.0),
        st.booleans(),
    ),
    max_size=8,
)


def lived(jumps: list[tuple[float, float, bool]]) -> World:
    world = World()
    world.live(3 * HOUR_S)
    for days, hours, restarts in jumps:
        world.wall += timedelta(days=days)
        if restarts:
            world.restart()
        world.live(hours * HOUR_S)
    return world


@settings(deadline=None, max_examples=60)
@given(JUMPS)
def test_no_jump_brings_a_storm(jumps: list[tuple[float, float, bool]]) -> None:
    world = lived(jumps)
    restarts = sum(restarted for _, _, restarted in jumps)
    hours = (world.steady_s - 5000.0) / HOUR_S
    assert len(world.backups()) <= 1 + restarts + hours / 6


@settings(deadline=None, max_examples=60)
@given(JUMPS)
def test_no_jump_brings_years_without_a_backup(jumps: list[tuple[float, float, bool]]) -> None:
    world = lived(jumps)
    before = world.steady_s
    world.live(25 * HOUR_S)
    assert any(at >= before for at in world.backups())


@settings(deadline=None, max_examples=30)
@given(JUMPS)
def test_a_full_backup_comes_back_within_its_days(jumps: list[tuple[float, float, bool]]) -> None:
    world = lived(jumps)
    before = world.steady_s
    world.live((SETTINGS.full_every_days + 1.1) * 24 * HOUR_S)
    assert any(at >= before for at, job in world.done if job == "full")
    assert any(at >= before for at, job in world.done if job == "drill")


def test_a_quiet_week_has_a_backup_a_day_one_of_them_full_a_prune_after_each_and_a_drill_a_week() -> None:
    world = World()
    world.live(14 * 24 * HOUR_S)
    kinds = [job for _, job in world.done]
    assert kinds[0] == "full"
    assert kinds.count("full") == 3
    assert kinds.count("full") + kinds.count("incr") == 15
    assert kinds.count("prune") == 15
    assert kinds.count("drill") == 2
    assert all(after == "prune" for kind, after in itertools.pairwise(kinds) if kind == "incr")
    night = [BEGIN + timedelta(seconds=at - 5000.0) for at in world.backups()[1:]]
    assert {(at.hour, at.minute) for at in night} == {(3, 20)}


def test_what_was_missed_is_made_up_for_after_downtime() -> None:
    world = World()
    world.live(HOUR_S)
    world.restart()
    world.wall += timedelta(days=3)
    world.live(HOUR_S)
    assert [job for _, job in world.done if job in {"full", "incr"}] == ["full", "incr"]


def test_failures_are_tried_again_ever_more_slowly_and_never_given_up() -> None:
    world = World(works=False)
    world.live(48 * HOUR_S)
    times = world.backups()
    assert 40 <= len(times) <= 60
    assert max(later - sooner for sooner, later in itertools.pairwise(times)) <= HOUR_S + TICK_S
    world.works = True
    world.live(2 * HOUR_S)
    assert world.history.backup


def test_a_broken_chain_asks_for_a_full_backup_at_once_but_not_for_one_after_another() -> None:
    world = World()
    world.live(12 * HOUR_S)
    before = world.steady_s
    world.history = replace(world.history, broken=True)
    world.live(HOUR_S)
    assert [job for at, job in world.done if at > before][:1] == ["full"]
    count = len(world.backups())
    for _ in range(12):
        world.history = replace(world.history, broken=True)
        world.live(HOUR_S / 2)
    assert len(world.backups()) - count <= 6


def test_nothing_begins_in_the_first_minute_of_a_start() -> None:
    history = History(started_s=100.0)
    assert next_job(Moment(BEGIN, 159.0), history, SETTINGS) is None
    assert next_job(Moment(BEGIN, 161.0), history, SETTINGS) == "full"


def test_the_next_backup_is_announced_for_the_next_daily_time() -> None:
    event = Event(BEGIN, 5000.0)
    history = History(0.0, first=event, backup=event, full=event)
    at = next_backup_at(Moment(BEGIN + timedelta(hours=1), 8600.0), history, SETTINGS)
    assert at == datetime(2026, 11, 25, 3, 15, tzinfo=UTC)
