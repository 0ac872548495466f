"""Keeps one copy of the storage: ships to it after the first, never holding that up; prunes and verifies."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from queue import Empty, SimpleQueue

from stock_ops.archive.facts.server import server_histories
from stock_ops.archive.plans.shipping import Sample, add_sample, forget_shipped, lag_s, shipped_at
from stock_ops.archive.runners.archiver import Archiver
from stock_ops.archive.runners.clock import steady_s
from stock_ops.archive.runners.part_memory import Remembered
from stock_ops.archive.runners.threads import in_thread
from stock_ops.backup.plans.catalog import catalog
from stock_ops.backup.plans.copy import CopyPlan
from stock_ops.backup.runners.copy import Copier, sweep_copy
from stock_ops.kit.backup_settings import BackupSettings, settings_of_copy
from stock_ops.kit.errors import BusyError, DamagedBackupError, OpsError, PartError
from stock_ops.kit.files import exclusive
from stock_ops.kit.layout import Layout
from stock_ops.local.facts.programs import Programs
from stock_ops.storage.facts.keys import find_key_flaw
from stock_ops.storage.facts.place import open_storage
from stock_ops.watch.facts import CopyStanding
from stock_ops.watch.runners.jobs import run_command

log = logging.getLogger("stockops.backup")

_LOOK_S = 60.0
"""Both storages are compared so often; what the shipper ships goes on at once."""
_PRUNE_S = 6 * 3600.0
_FIRST_RETRY_S, _LAST_RETRY_S = 1.0, 60.0
_VERIFY_LIMIT_S = 24 * 3600.0
_VERIFY_AGAIN_S = 3600.0


class CopyKeeper:
    """`run` goes on until it is cancelled."""

    def __init__(
        self,
        layout: Layout,
        settings: BackupSettings,
        name: str,
        recipient: str,
        programs: Programs,
        archiver: Archiver,
        memory: Remembered,
    ) -> None:
        self._layout, self._first, self._settings = layout, settings, settings_of_copy(settings, name)
        self.name, self._recipient, self._programs = name, recipient, programs
        self._archiver, self._memory = archiver, memory
        self._shipped_names: SimpleQueue[str] = SimpleQueue()
        archiver.tell_shipped(self._shipped_names.put)
        self._log_copier: Copier | None = None
        self._backup_copier: Copier | None = None
        self._plan: CopyPlan | None = None
        self._looked_s, self._pruned_s, self._verified_s = -_LOOK_S, -_PRUNE_S, -_VERIFY_AGAIN_S
        self._samples: tuple[Sample, ...] = ()
        self._shipped: int | None = None
        self._troubles: dict[str, OpsError] = {}
        self._view = CopyStanding(name, self._settings.storage)

    def standing(self) -> CopyStanding:
        """How the copy stands now."""
        self._sample()
        at = shipped_at(self._samples, self._shipped)
        trouble = next((self._troubles[task] for task in _ORDER if task in self._troubles), None)
        return replace(
            self._view,
            lag_s=lag_s(self._samples, self._shipped, steady_s()),
            shipped_at=at,
            pending_bytes=self._plan.size_bytes if self._plan else None,
            trouble=trouble,
        )

    async def run(self) -> None:
        """Ship the log as it comes, and beside that the backups."""
        await asyncio.gather(
            self._again("log", self._ship_log, self._first.ship_s), self._again("backups", self._care, 2.0)
        )

    async def ship_rest(self, limit_s: float) -> None:
        """The last log, if that is quick."""
        if not self._troubles and self._plan is not None:
            try:
                await asyncio.wait_for(in_thread(self._ship_new), limit_s)
            except (OpsError, OSError, TimeoutError) as error:
                log.info("copy %s: its rest follows after the next start (%s)", self.name, error)

    async def _again(self, task: str, work: Callable[[], object], every_s: float) -> None:
        wait_s = 0.0
        while True:
            await asyncio.sleep(max(wait_s, every_s))
            if not self._archiver.holds_storage:
                continue
            error = await self._tried(task, work)
            wait_s = min(max(_FIRST_RETRY_S, 2 * wait_s), _LAST_RETRY_S) if error else 0.0

    async def _tried(self, task: str, work: Callable[[], object]) -> OpsError | None:
        try:
            result = work()
            if asyncio.iscoroutine(result):
                await result
        except OpsError as error:
            found: OpsError | None = error
        except Exception as error:
            log.exception("copy %s fails", self.name)
            found = PartError(f"Copy {self.name}: {error}.", "`stockops logs backup` says more.")
        else:
            found = None
        self._note(task, found)
        return found

    def _note(self, task: str, error: OpsError | None) -> None:
        before = self._troubles.pop(task, None)
        if error is None:
            if before:
                log.info("copy %s, %s: it works again", self.name, task)
            return
        self._troubles[task] = error
        self._log_copier = self._backup_copier = None
        self._looked_s = -_LOOK_S
        if before is None or before.why != error.why:
            log.error("copy %s, %s: %s %s", self.name, task, error.why, error.todo)

    async def _ship_log(self) -> None:
        self._sample()
        shipped = self._archiver.shipped
        await in_thread(self._ship_new)
        self._shipped = shipped
        if shipped is not None:
            self._samples = forget_shipped(self._samples, shipped)

    def _ship_new(self) -> None:
        copier = self._log_copier or self._open()
        names: list[str] = []
        if steady_s() - self._looked_s >= _LOOK_S:
            names += self._look(copier)
        names += _drained(self._shipped_names)
        copier.ship_log(dict.fromkeys(names))
        self._log_copier = copier

    def _look(self, copier: Copier) -> tuple[str, ...]:
        copier.hold(known=copier.copy.where in self._memory.value.copies)
        plan, contents = copier.look(), copier.contents
        known = {*self._memory.value.copies, copier.copy.where}
        self._memory.change(copies=tuple(sorted(known)))
        self._plan, self._looked_s = plan, steady_s()
        coming = {one.backup.id for one in plan.backups}
        entries = catalog(contents) if contents else ()
        self._view = replace(
            self._view,
            where=copier.copy.where,
            contents=contents,
            usable=tuple(one.manifest for one in entries if one.manifest and not one.flaw),
            flaws={one.id: one.flaw for one in entries if one.flaw and one.id not in coming},
            free_bytes=copier.copy.free_bytes(),
            lacking=tuple(one.backup.id for one in plan.backups),
        )
        return (*plan.log, *plan.ledger)

    async def _care(self) -> None:
        plan = self._plan
        if plan is None or "log" in self._troubles:
            return
        if self._backup_copier is None:
            self._backup_copier = await in_thread(self._open)
        copier = self._backup_copier
        await self._ship_backups(copier, plan)
        if plan.backups:
            self._plan, self._looked_s = None, -_LOOK_S
            self._pruned_s = -_PRUNE_S
            return
        if steady_s() - self._pruned_s >= _PRUNE_S:
            self._view = replace(
                self._view, locked_objects=len(await in_thread(partial(self._prune, copier)))
            )
            self._pruned_s, self._looked_s = steady_s(), -_LOOK_S
        if self._wants_verification():
            await self._verify()

    async def _ship_backups(self, copier: Copier, plan: CopyPlan) -> None:
        """One that is damaged in the first storage keeps only those back that build on it."""
        left: set[str] = set()
        damage: DamagedBackupError | None = None
        for one in plan.backups:
            if one.backup.parent in left:
                left.add(one.backup.id)
                continue
            try:
                if await in_thread(partial(copier.ship_backup, one)):
                    log.info("copy %s: %s is there", self.name, one.backup.id)
                else:
                    left.add(one.backup.id)
            except DamagedBackupError as error:
                left.add(one.backup.id)
                damage = damage or error
        if damage:
            raise damage

    def _prune(self, copier: Copier) -> tuple[str, ...]:
        try:
            with exclusive(self._layout, "copy", self._layout.copy_lock(self.name)):
                sweep_copy(copier.copy)
                return copier.prune()
        except BusyError:
            return ()

    def _wants_verification(self) -> bool:
        contents, newest = self._view.contents, self._view.usable[-1:]
        if not newest or contents is None or steady_s() - self._verified_s < _VERIFY_AGAIN_S:
            return False
        if find_key_flaw(self._settings.key_file, self._recipient):
            return False
        last = max((one.at for one in contents.verifications.values()), default=None)
        every = timedelta(days=self._settings.drill_every_days)
        return last is None or abs(datetime.now(UTC) - last) > every

    async def _verify(self) -> None:
        self._verified_s = steady_s()
        command = ("backup", "verify", "--copy", self.name)
        try:
            await run_command(command, _VERIFY_LIMIT_S, self._layout, self._programs)
        finally:
            self._looked_s = -_LOOK_S

    def _open(self) -> Copier:
        first, copy = open_storage(self._layout, self._first), open_storage(self._layout, self._settings)
        return Copier(first, copy, lambda: server_histories(self._layout))

    def _sample(self) -> None:
        flushed = self._archiver.flushed
        if flushed is not None:
            self._samples = add_sample(self._samples, flushed, steady_s(), datetime.now(UTC))


_ORDER = ("log", "backups")


def _drained(queue: "SimpleQueue[str]") -> list[str]:
    found = []
    try:
        while True:
            found.append(queue.get_nowait())
    except Empty:
        return found
