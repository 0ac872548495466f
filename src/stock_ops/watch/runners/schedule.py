"""Begins the jobs when they are due, one at a time, and remembers how they ended."""

import asyncio
import logging
from datetime import UTC, datetime

from stock_ops.archive.runners.clock import steady_s
from stock_ops.archive.runners.part_memory import Remembered
from stock_ops.archive.runners.troubles import Troubles
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.errors import OpsError
from stock_ops.kit.files import is_held
from stock_ops.kit.layout import Layout
from stock_ops.local.facts.programs import Programs
from stock_ops.storage.manifest import Manifest
from stock_ops.watch.facts import Failure
from stock_ops.watch.plans.schedule import (
    Event,
    History,
    Job,
    Moment,
    Task,
    Tries,
    next_backup_at,
    next_drill_at,
    next_job,
)
from stock_ops.watch.runners.holdings import Holdings
from stock_ops.watch.runners.jobs import run_job

log = logging.getLogger("stockops.backup")

_EVERY_S = 5.0
_JUMP_S = 5.0
"""Less is how a clock is kept right."""
_REMEMBERED_S = 86_400.0
_TASKS: dict[Job, Task] = {"full": "backup", "incr": "backup", "prune": "prune", "drill": "drill"}


class Schedule:
    """`run` begins jobs until it is cancelled."""

    def __init__(
        self,
        layout: Layout,
        settings: BackupSettings,
        programs: Programs,
        holdings: Holdings,
        memory: Remembered,
        troubles: Troubles,
    ) -> None:
        self._layout, self._settings, self._programs = layout, settings, programs
        self._holdings, self._memory, self._troubles = holdings, memory, troubles
        self._started_s = steady_s()
        self._tries: dict[Task, Tries] = {}
        self._jump = 0.0, 0.0
        self.failures: dict[str, Failure] = {}
        self.locked_objects = 0
        """What the last prune of this process left because the storage's retention keeps it."""

    @property
    def uptime_s(self) -> float:
        """Since the part began."""
        return steady_s() - self._started_s

    @property
    def clock_jump_s(self) -> float:
        """How far the wall clock jumped within the last day; 0: it did not."""
        size, at = self._jump
        return size if steady_s() - at < _REMEMBERED_S else 0.0

    def next_backup_at(self) -> datetime | None:
        """When the next backup begins; None while nothing is known of the storage."""
        return next_backup_at(_now(), self._history(), self._settings) if self._is_known else None

    def next_drill_at(self) -> datetime | None:
        """When the next drill begins; None before there is a backup."""
        return next_drill_at(_now(), self._history(), self._settings) if self._is_known else None

    async def run(self) -> None:
        """Look at the clocks again and again."""
        before = _now()
        while True:
            await asyncio.sleep(_EVERY_S)
            now = _now()
            self._note_jump(before, now)
            before = now
            await self.begin_due()

    async def begin_due(self) -> None:
        """Run the due job, if any; not while the storage is in use, perhaps by that very job."""
        if self._next_job() is None or is_held(self._layout.backup_lock):
            return
        await self._holdings.look()  # it may have been done by hand since the last look
        if job := self._next_job():
            await self._run(job)

    def _next_job(self) -> Job | None:
        return next_job(_now(), self._history(), self._settings) if self.may_begin else None

    @property
    def _is_known(self) -> bool:
        return self._holdings.view.contents is not None

    @property
    def may_begin(self) -> bool:
        """A job for a storage that is away, or is not ours, would only fail, or claim what it must not."""
        away = self._holdings.view.unreachable or self._troubles.standing.get("storage")
        return self._is_known and away is None and "shipping" not in self._troubles.standing

    async def _run(self, job: Job) -> None:
        task = _TASKS[job]
        try:
            found = await run_job(job, self._layout, self._programs)
            if job == "prune":
                self.locked_objects = len(found.get("locked", ()))
                self._memory.change(prune_wanted=False)
        except OpsError as error:
            self._note_failure(task, error)
        else:
            self._tries.pop(task, None)
            self.failures.pop(task, None)
        await self._holdings.look()

    def _note_failure(self, task: Task, error: OpsError) -> None:
        count = self._tries[task].failures + 1 if task in self._tries else 1
        self._tries[task] = Tries(count, steady_s())
        self.failures[task] = Failure(count, error.why, error.todo)
        log.error("%s failed: %s %s", task, error.why, error.todo)

    def _history(self) -> History:
        view, memory = self._holdings.view, self._memory.value
        fulls = [backup for backup in view.usable if backup.kind == "full"]
        passed = [drill for drill in view.drills if drill.outcome == "passed" and not drill.sabotage]
        return History(
            started_s=self._started_s,
            first=self._made(view.usable[0]) if view.usable else None,
            backup=self._made(view.usable[-1]) if view.usable else None,
            full=self._made(fulls[-1]) if fulls else None,
            drill=Event(passed[-1].started_at, view.ended_s.get(passed[-1].id)) if passed else None,
            prune_wanted=memory.prune_wanted,
            broken=memory.broken_at is not None,
            tries=self._tries,
        )

    def _made(self, backup: Manifest) -> Event:
        return Event(backup.finished_at, self._holdings.view.ended_s.get(backup.id))

    def _note_jump(self, before: Moment, now: Moment) -> None:
        walls = (now.wall - before.wall).total_seconds()
        jump = walls - (now.steady_s - before.steady_s)
        if abs(jump) > _JUMP_S:
            self._jump = jump, now.steady_s
            log.warning("the wall clock jumped by %.0f s", jump)


def _now() -> Moment:
    return Moment(datetime.now(UTC), steady_s())
