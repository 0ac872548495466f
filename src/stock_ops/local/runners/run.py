"""Run a plan step by step; when it cannot go on, leave nothing half-running."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stock_ops.kit.errors import OpsError, SlowPartError, StoppedByUserError
from stock_ops.kit.files import explain, make_folder, write_whole
from stock_ops.kit.layout import PARTS, Layout
from stock_ops.kit.report import Report
from stock_ops.kit.signals import signals_interrupt, signals_wait
from stock_ops.local.facts.instance import read_secrets
from stock_ops.local.facts.observe import Facts
from stock_ops.local.facts.processes import observe_leftovers, observe_supervisor
from stock_ops.local.plans.down import plan_down
from stock_ops.local.plans.steps import (
    QUIET,
    AwaitPart,
    CopyProgram,
    CreateCluster,
    DeriveKey,
    DrawKey,
    EndProcess,
    MakeFolders,
    Remember,
    RemoveLeftover,
    RunPlatform,
    SetPasswords,
    SetUpRoles,
    StartPart,
    StartSupervisor,
    Step,
    StopPart,
    StopSupervisor,
    WriteFiles,
    WriteSecrets,
)
from stock_ops.local.runners.instance import copy_program, write_memory, write_secrets
from stock_ops.local.runners.keys import derive_key, draw_key
from stock_ops.local.runners.platform import run_platform, size_of
from stock_ops.local.runners.postgres import create_cluster, discard, set_passwords
from stock_ops.local.runners.supervise import (
    await_part,
    end_process,
    start_part,
    start_supervisor,
    stop_part,
    stop_supervisor,
)


@dataclass(frozen=True, slots=True)
class Work:
    """The objects of the steps' work."""

    facts: Facts
    marks: Mapping[str, int]
    """Where each log ended before this run."""

    @property
    def layout(self) -> Layout:
        """The files of the data folder."""
        return self.facts.layout


def run_steps(steps: tuple[Step, ...], facts: Facts, report: Report, *, undo: bool) -> None:
    """Do the steps in order.

    undo: when a step fails or Ctrl-C comes, stop what was started. Data are kept either way.
    Raises OpsError; an error of the system comes as one too, with what to do.
    """
    work, during = Work(facts, _marks(facts.layout)), "the start"
    with signals_interrupt():
        try:
            for step in steps:
                during = step.title
                with report.step(step.title, step.detail, quiet=isinstance(step, QUIET)):
                    do(step, work)
        except KeyboardInterrupt as interrupt:
            raise StoppedByUserError(during, _undo(facts, undo)) from interrupt
        except SlowPartError:
            raise  # nothing healthy is stopped because something else is slow
        except (OpsError, OSError) as error:
            explained = explain(error, facts.layout)
            _undo(facts, undo)
            raise explained from error


def do(step: Step, work: Work) -> None:
    """Do one step."""
    _DOERS[type(step)](step, work)


def _undo(facts: Facts, wanted: bool) -> str:
    if not wanted:
        return "Parts that ran before still run."
    with contextlib.suppress(OpsError, OSError), signals_wait():
        supervisor = observe_supervisor(facts.layout)
        work = Work(facts, {})
        for step in plan_down(supervisor, observe_leftovers(facts.layout, supervisor)):
            do(step, work)
    return "Everything that had been started was stopped again; the data are kept."


def _marks(layout: Layout) -> dict[str, int]:
    return {part: size_of(layout.log(part)) for part in PARTS}


def _make_folders(step: MakeFolders) -> None:
    for folder in step.folders:
        make_folder(folder)


def _write_files(step: WriteFiles) -> None:
    for file in step.files:
        write_whole(file)


def _await_part(step: AwaitPart, work: Work) -> None:
    """The password of the cache may be one that this very run has written."""
    secrets = read_secrets(work.layout)
    await_part(step, work.layout, replace(work.facts, secrets=secrets).door(step.name, step.port), work.marks)


def _set_up_roles(step: SetUpRoles) -> None:
    from stock_ops.local.runners.roles import set_up_roles  # late: its driver takes long to load

    set_up_roles(step)


_DOERS: dict[type, Callable[[Any, Work], None]] = {
    MakeFolders: lambda step, _: _make_folders(step),
    CopyProgram: lambda step, _: copy_program(step),
    WriteSecrets: lambda step, _: write_secrets(step.path, step.secrets),
    WriteFiles: lambda step, _: _write_files(step),
    RemoveLeftover: lambda step, _: discard(step.path),
    CreateCluster: lambda step, work: create_cluster(step, work.facts.programs),
    SetPasswords: lambda step, work: set_passwords(step, work.facts.programs),
    DrawKey: lambda step, _: draw_key(step),
    DeriveKey: lambda step, _: derive_key(step),
    SetUpRoles: lambda step, _: _set_up_roles(step),
    EndProcess: lambda step, _: end_process(step),
    StartSupervisor: lambda _, work: start_supervisor(work.layout, work.facts.programs),
    StopSupervisor: lambda _, work: stop_supervisor(work.layout),
    StartPart: lambda step, work: start_part(work.layout, step.name),
    StopPart: lambda step, work: stop_part(work.layout, step.name),
    AwaitPart: _await_part,
    RunPlatform: lambda step, work: run_platform(work.layout, work.facts.programs, step.command),
    Remember: lambda step, work: write_memory(work.layout.memory, step.memory),
}
