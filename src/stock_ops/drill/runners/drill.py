"""A drill: restore the newest backup beside the live data, and see whether all of it comes back."""

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import psutil

from stock_ops.archive.facts.state import observe_archive
from stock_ops.drill.facts.drills import drill_id
from stock_ops.drill.plans.journal import AFTER, BEFORE, CHECKS, RESTORE, Check, Journal, hindered, without
from stock_ops.drill.plans.sabotage import newest_dump
from stock_ops.drill.runners.dump import load_dump
from stock_ops.drill.runners.ground import Chosen, Ground, clear_abandoned, prepare, take_newest
from stock_ops.drill.runners.journal import Found, Recorder, now
from stock_ops.drill.runners.live import check_heartbeat, check_platform, check_unaffected, judge_freshness
from stock_ops.drill.runners.restored import (
    check_constraints,
    check_indexes,
    check_read_paths,
    check_structure,
    read_beat,
)
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.errors import (
    DamagedBackupError,
    DiskFullError,
    NoBackupError,
    OpsError,
    PartError,
    StoppedByUserError,
)
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import Report
from stock_ops.kit.signals import signals_interrupt, signals_wait
from stock_ops.local.facts.processes import Supervisor, observe_leftovers
from stock_ops.local.facts.unfinished import scratch_name
from stock_ops.local.runners.postgres import discard
from stock_ops.restore.plans.recovery import Request
from stock_ops.restore.runners.disarm import disarm_catalog
from stock_ops.restore.runners.fetch import OTHER, fetch_backup, fetch_log, make_work_folders
from stock_ops.restore.runners.rebuild import build_cluster, prove, recover
from stock_ops.restore.runners.scratch import ScratchServer, scratch_server
from stock_ops.storage.objects import verification_of
from stock_ops.storage.parts import fetch_part
from stock_ops.storage.storage import write_bytes
from stock_ops.storage.streams import load_streams
from stock_ops.storage.verification import Verification, dump_verification

_IS_WRITABLE = "SELECT NOT pg_is_in_recovery()"
_LEFT = "The restored copy was removed; the live data were never touched."


@dataclass(frozen=True, slots=True)
class Wish:
    """The operator's request."""

    settings: BackupSettings
    scratch: Path | None = None
    """Folder that takes the scratch instance; None: in the data folder."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a drill ended."""

    journal: Journal
    report: Path
    interrupted: bool


Method = Callable[[Recorder, Ground, Report], None]
"""The part of a drill between the two looks at the live platform."""


def run_drill(
    layout: Layout, wish: Wish, method: Method, report: Report, *, sabotage: bool = False
) -> Result:
    """Steady state, method, steady state, rollback. Only for the holder of the lock of the backups."""
    clear_abandoned(layout)
    recorder = _begin(layout, wish, report, sabotage=sabotage)
    interrupted = False
    with signals_interrupt():
        try:
            _run(layout, wish, method, recorder, report)
        except KeyboardInterrupt:
            interrupted = True
            recorder.change(hindered(recorder.journal, StoppedByUserError("the drill", _LEFT)))
        finally:
            with signals_wait():
                recorder.check("clean_up", lambda: _clean_up(Path(recorder.journal.scratch)))
    told = recorder.finish()
    return Result(recorder.journal, told, interrupted)


def rehearse(recorder: Recorder, ground: Ground, report: Report) -> None:
    """The method of a drill: restore to the latest point, and look at everything that came back."""
    _set_time(recorder, begun_at=now())
    work = ground.folder / "restored"
    chosen = choose_for(recorder, "backup", lambda: take_newest(ground, work, Request()))
    if chosen is None:
        return
    name_backup(recorder, chosen)
    with contextlib.ExitStack() as stack:
        servers: list[ScratchServer] = []
        if restore(recorder, chosen, report, lambda: servers.append(stack.enter_context(serve(chosen)))):
            _set_time(recorder, restored_at=now())
            _look(recorder, ground, chosen, servers[0])
            _look_at_dump(recorder, ground, chosen, servers[0])
    if all(check.outcome == "passed" for check in recorder.journal.checks if _is_of_data(check)):
        recorder.check("note", lambda: _note(ground, chosen.choice.backup.id))


def choose_for(recorder: Recorder, name: str, take: Callable[[], Chosen]) -> Chosen | None:
    """What would be restored. None when there is nothing, or no room, which hinders the drill; what else goes
    wrong fails the check of that name."""
    try:
        return take()
    except (NoBackupError, DiskFullError) as error:
        recorder.change(hindered(recorder.journal, error))
    except OpsError as error:
        recorder.check(name, partial(_fail, error))
    return None


def restore(recorder: Recorder, chosen: Chosen, report: Report, then: Callable[[], object]) -> bool:
    """Restore by the very functions of `stockops restore`. Whether each of them did.

    then: done with the recovered cluster before recovery counts as done.
    """
    steps = {
        "backup": lambda: _fetch(chosen, report),
        "log": lambda: _fetch_log(recorder, chosen, report),
        "content": lambda: _prove(chosen, report),
        "recovery": lambda: _recover(chosen, report, then),
    }
    return all(recorder.check(name, step) for name, step in steps.items())


def _begin(layout: Layout, wish: Wish, report: Report, *, sabotage: bool) -> Recorder:
    begun_at, me = now(), psutil.Process()
    while (layout.drills / (name := drill_id(begun_at))).exists():
        begun_at += timedelta(seconds=1)
    journal = Journal(
        id=name,
        sabotage=sabotage,
        storage=wish.settings.storage,
        scratch=str((wish.scratch or layout.scratch) / scratch_name(name)),
        pid=os.getpid(),
        pid_since=me.create_time(),
        started_at=begun_at,
        checks=(*BEFORE, *RESTORE, *AFTER) if sabotage else CHECKS,
    )
    return Recorder(layout.drills / name, journal, report)


def _run(layout: Layout, wish: Wish, method: Method, recorder: Recorder, report: Report) -> None:
    try:
        ground = prepare(layout, wish.settings, Path(recorder.journal.scratch))
    except OpsError as error:
        recorder.change(hindered(recorder.journal, error))
        return
    steady = {
        "platform": lambda: check_platform(ground.facts, ground.port),
        "heartbeat": lambda: check_heartbeat(layout, ground.settings),
    }
    if not all(recorder.steady(name, look) for name, look in steady.items()):
        return
    method(recorder, ground, report)
    recorder.check(
        "platform_after", lambda: check_unaffected(ground.facts, ground.port, ground.facts.supervisor)
    )


def _clean_up(folder: Path) -> Found:
    """End the processes there, and remove the folder. Raises PartError when something is left."""
    discard(folder)
    left = observe_leftovers(Layout(folder), Supervisor(None, answers=False, parts=()))
    if left or folder.exists():
        raise PartError(f"{folder} could not be cleared.", "End the processes that use it, then remove it.")
    return Found("the scratch instance has ended, and its folder is removed")


def name_backup(recorder: Recorder, chosen: Chosen) -> None:
    """Write down the choice. Where no backup has a dump, that check is left out."""
    backup, chain = chosen.choice.backup, tuple(one.id for one in chosen.choice.chain)
    journal = replace(recorder.journal, backup=backup.id, chain=chain)
    if newest_dump(chosen.contents.archive) is None:
        journal = without(journal, {"dump"})
    recorder.change(journal)
    _set_time(recorder, marked_at=backup.mark.at)


def _fetch(chosen: Chosen, report: Report) -> Found:
    shop, sizes = chosen.shop, [part.plain_bytes for one in chosen.choice.chain if (part := one.part("base"))]
    make_work_folders(shop.place)
    for one in chosen.choice.chain:
        fetch_backup(shop, one.id, report.advance)
    _read_streams(chosen)
    build_cluster(shop)
    words = f"{' + '.join(one.id for one in chosen.choice.chain)}: each file as the server wrote it"
    return Found(words, {"bytes": sum(sizes)})


def _read_streams(chosen: Chosen) -> None:
    """The backup's data of Valkey can be read, too. Raises DamagedBackupError."""
    if part := chosen.choice.backup.part("valkey"):
        text = io.BytesIO()
        fetch_part(chosen.shop.storage, part, text, chosen.shop.identity)
        try:
            load_streams(text.getvalue())
        except ValueError as error:
            raise DamagedBackupError(f"{part.name} makes no sense: {error}.", OTHER) from error


def _fetch_log(recorder: Recorder, chosen: Chosen, report: Report) -> Found:
    wal = chosen.choice.wal
    fetch_log(chosen.shop, wal, report.advance)
    _set_time(recorder, read_at=now())
    return Found(f"{len(wal)} segments from {wal[0].name} to {wal[-1].name}", {"segments": len(wal)})


def _prove(chosen: Chosen, report: Report) -> Found:
    choice = chosen.choice
    found = prove(chosen.shop, choice.wal, choice.timeline, report.advance)
    words = f"at the mark {choice.backup.mark.name} each table is equal to the manifest of {choice.backup.id}"
    return Found(words, {"tables": len(found.content), "rows": found.rows})


def _recover(chosen: Chosen, report: Report, then: Callable[[], object]) -> Found:
    recover(chosen.shop, chosen.progress, report.advance)
    then()
    target = chosen.choice.target
    return Found(f"recovered to the {'latest point' if target.kind == 'latest' else target}, and writable")


@contextlib.contextmanager
def serve(chosen: Chosen) -> Iterator[ScratchServer]:
    """The recovered cluster while it takes questions."""
    with scratch_server(chosen.shop.place, {}) as server:
        server.wait_until(lambda: server.ask(_IS_WRITABLE))
        disarm_catalog(server)
        yield server


def _look(recorder: Recorder, ground: Ground, chosen: Chosen, server: ScratchServer) -> None:
    """Everything that the running database can tell."""
    work, backup = chosen.shop.work, chosen.choice.backup
    drawn = partial(_note_chart, recorder)
    recorder.check("read_paths", lambda: check_read_paths(ground, work, server, drawn))
    recorder.check("freshness", lambda: _check_freshness(recorder, ground, server))
    recorder.check("structure", lambda: check_structure(ground, backup, server))
    recorder.check("constraints", lambda: check_constraints(server))
    recorder.check("indexes", lambda: check_indexes(server))


def _look_at_dump(recorder: Recorder, ground: Ground, chosen: Chosen, server: ScratchServer) -> None:
    """Load the newest dump beside what was restored; a restore does not need it."""
    if (backup := newest_dump(chosen.contents.archive)) is not None:
        recorder.check("dump", lambda: load_dump(ground, backup, server))


def _is_of_data(check: Check) -> bool:
    return check.phase == "method" and check.name not in {"freshness", "dump", "note"}


def _note(ground: Ground, backup: str) -> Found:
    write_bytes(ground.storage, verification_of(backup), dump_verification(Verification(now(), "restored")))
    return Found(f"{backup} was restored; a prune keeps the newest backup that was verified")


def _check_freshness(recorder: Recorder, ground: Ground, server: ScratchServer) -> Found:
    beat_at, read_at = read_beat(server), recorder.journal.times.read_at or now()
    _set_time(recorder, beat_at=beat_at)
    return judge_freshness(beat_at, read_at, observe_archive(ground.layout))


def _note_chart(recorder: Recorder) -> None:
    _set_time(recorder, chart_at=now())


def _set_time(recorder: Recorder, **moments: datetime | None) -> None:
    recorder.change(replace(recorder.journal, times=replace(recorder.journal.times, **moments)))


def _fail(error: OpsError) -> Found:
    raise error
