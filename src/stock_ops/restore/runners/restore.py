"""Run a restore step by step; after any interruption the next run goes on from the state of the disk."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stock_ops.backup.facts.creation import observe_cache
from stock_ops.kit.commands import run_to_end
from stock_ops.kit.container import in_container
from stock_ops.kit.errors import CorruptFileError, FolderError, OpsError, StoppedByUserError
from stock_ops.kit.files import explain, make_folder, remove, write_whole
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import Report
from stock_ops.kit.signals import signals_interrupt
from stock_ops.kit.wanted import NewFile, NewFolder
from stock_ops.local.facts.instance import Memory, Secrets
from stock_ops.local.facts.unfinished import progress_file
from stock_ops.local.plans.settings import SLOT
from stock_ops.local.plans.steps import SetPasswords
from stock_ops.local.runners.instance import write_memory
from stock_ops.local.runners.postgres import end_writers, set_passwords
from stock_ops.restore.facts.progress import (
    Progress,
    cache_folder,
    cluster_folder,
    dump_progress,
    read_progress,
)
from stock_ops.restore.plans.steps import (
    QUIET,
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
)
from stock_ops.restore.runners.disarm import arm_files, disarm_catalog
from stock_ops.restore.runners.fetch import Advance, Workshop, fetch_backup, fetch_log, make_work_folders
from stock_ops.restore.runners.places import exchange, flush, move
from stock_ops.restore.runners.rebuild import build_cluster, prove, recover
from stock_ops.restore.runners.scratch import scratch_server
from stock_ops.restore.runners.scratch_cache import build_cache, refill_cache

_SLOT = """
SELECT pg_create_physical_replication_slot($1, true)
WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)
"""


@dataclass(frozen=True, slots=True)
class Job:
    """The objects of a restore's work."""

    layout: Layout
    shop: Workshop | None
    """None: the new data are made, and only have to be put in their place."""
    valkey: Path | None
    """Valkey's program."""
    secrets: Secrets | None
    """Passwords of this folder; None: the next start draws new ones."""
    memory: Memory
    """The memory that the next start needs in a folder that was never started."""
    armed: list[str] = field(default_factory=list)
    """What the backup held that was not taken over; told when the restore has ended."""

    @property
    def workshop(self) -> Workshop:
        """Where the new data are made."""
        if self.shop is None:
            raise ValueError("this restore has nothing to make any more")
        return self.shop


def run_restore(steps: Iterable[Step], job: Job, report: Report) -> None:
    """Do the steps in order. Only for the holder of the lock of the data folder.

    Raises OpsError; then the old data, or the new ones, are in place, and the same command goes on.
    """
    during = "the restore"
    with signals_interrupt():
        try:
            for step in steps:
                during = step.title
                with report.step(step.title, step.detail, quiet=isinstance(step, QUIET)):
                    _DOERS[type(step)](step, job, report.advance)
        except KeyboardInterrupt as interrupt:
            raise StoppedByUserError(during, _KEPT) from interrupt
        except (OpsError, OSError) as error:
            raise explain(error, job.layout) from error


_KEPT = "No data were lost; finished steps are not repeated."


def _begin(step: Begin, job: Job, _: Advance) -> None:
    work, place = job.layout.restore, job.workshop.place
    end_writers(work)
    _clear(work)
    make_work_folders(place)
    _remember(work, step.progress)


def _settle(step: Settle, job: Job, _: Advance) -> None:
    """The slot keeps the log of the new timeline until the archive has received it."""
    place = job.workshop.place
    with scratch_server(place, {}) as server:
        server.wait_until(lambda: server.ask("SELECT 1"))
        server.ask(_SLOT, SLOT)
        armed = disarm_catalog(server)
        server.ask("CHECKPOINT")
    armed += arm_files(place.cluster, place.account)
    _change(job.layout.restore, armed=tuple(map(str, armed)))
    if job.secrets and job.secrets.superuser:
        passwords = SetPasswords(place.binaries, place.cluster, job.secrets, place.account)
        set_passwords(passwords, place.programs)
    sync: list[str | Path] = [place.binaries / "initdb", "--sync-only", "-D", place.cluster]
    run_to_end(place.programs, sync, what="Flushing the data to the disk", user=place.account)
    if step.progress.streams and in_container():
        refill_cache(job.workshop, observe_cache(job.layout))
    elif step.progress.streams and job.valkey:
        build_cache(job.workshop, job.valkey)
    flush(place.work)


def _reach(step: Reach, job: Job, _: Advance) -> None:
    work = job.layout.restore
    new = cluster_folder(work).stat().st_ino if step.stage == "place" else 0
    _change(work, stage=step.stage, new=new)


def _change(work: Path, **changes: Any) -> None:
    progress = read_progress(work)
    if not isinstance(progress, Progress):
        raise CorruptFileError(progress_file(work), "it changed meanwhile", "Run the same command again.")
    _remember(work, replace(progress, **changes))


def _exchange(step: Exchange, job: Job, _: Advance) -> None:
    """Where the file system cannot exchange: the old cluster goes first, then the new one comes."""
    layout, new = job.layout, cluster_folder(job.layout.restore)
    if not exchange(new, layout.postgresql):
        _keep(layout.postgresql, layout, step.keep)
        move(new, layout.postgresql)


def _move_in(_: MoveIn, job: Job, __: Advance) -> None:
    move(cluster_folder(job.layout.restore), job.layout.postgresql)


def _keep_old(step: KeepOld, job: Job, _: Advance) -> None:
    old = cluster_folder(job.layout.restore)
    if old.exists():
        _keep(old, job.layout, step.keep)


def _keep_rest(step: KeepRest, job: Job, _: Advance) -> None:
    """A new folder of Valkey that is not in the work folder any more is in its place."""
    layout, new, progress = job.layout, cache_folder(job.layout.restore), read_progress(job.layout.restore)
    is_there = isinstance(progress, Progress) and progress.streams and not new.exists()
    for folder in (layout.spool,) if is_there else (layout.spool, layout.valkey):
        if folder.exists():
            _keep(folder, layout, step.keep)
    if new.exists():
        move(new, layout.valkey)
    if not layout.memory.exists() and not in_container():
        write_memory(layout.memory, job.memory)


def _finish(_: Finish, job: Job, __: Advance) -> None:
    """The restore is forgotten last, so that one that is cut off here leaves nothing that nobody removes."""
    work = job.layout.restore
    if isinstance(progress := read_progress(work), Progress):
        job.armed.extend(progress.armed)
    for path in work.iterdir():
        if path != progress_file(work):
            remove(path)
    _clear(work)


def _keep(folder: Path, layout: Layout, name: str) -> None:
    """Never over old data that are kept already."""
    target = layout.kept / name / folder.name
    if target.exists():
        raise FolderError(f"{target} is there already.", "Move it away, then run this again.")
    for parent in (layout.kept, target.parent):
        make_folder(NewFolder(parent, 0o700))
        flush(parent.parent)
    move(folder, target)


def _clear(work: Path) -> None:
    """Forget the restore first: without restore.json nothing in the folder counts."""
    if work.exists():
        progress_file(work).unlink(missing_ok=True)
        flush(work)
        remove(work)


def _remember(work: Path, progress: Progress) -> None:
    write_whole(NewFile(progress_file(work), dump_progress(progress)))
    flush(work)


_DOERS: dict[type, Callable[[Any, Job, Advance], object]] = {
    Begin: _begin,
    FetchBackup: lambda step, job, advance: fetch_backup(job.workshop, step.backup, advance),
    BuildCluster: lambda _, job, __: build_cluster(job.workshop),
    FetchLog: lambda step, job, advance: fetch_log(job.workshop, step.progress.wal, advance),
    Prove: lambda step, job, advance: prove(job.workshop, step.progress.wal, step.progress.timeline, advance),
    Recover: lambda step, job, advance: recover(job.workshop, step.progress, advance),
    Settle: _settle,
    Reach: _reach,
    Exchange: _exchange,
    MoveIn: _move_in,
    KeepOld: _keep_old,
    KeepRest: _keep_rest,
    Finish: _finish,
}
