"""The verbs of the platform on this machine: up, down, status, logs, doctor."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.errors import FolderError, PartError, RestoreRunsError
from stock_ops.kit.files import holder_of
from stock_ops.kit.layout import PARTS, Layout
from stock_ops.kit.report import Report
from stock_ops.kit.rotating import change
from stock_ops.kit.verbs import (
    Data,
    DryRun,
    Follow,
    Json,
    Lines,
    Port,
    layout_of,
    listed,
    locked,
    run_verb,
)
from stock_ops.local.facts.condition import observe_condition
from stock_ops.local.facts.host import observe_host
from stock_ops.local.facts.observe import Facts, observe
from stock_ops.local.facts.part import ask_part, read_part_memory
from stock_ops.local.facts.processes import observe_leftovers, observe_supervisor
from stock_ops.local.facts.programs import pages_built, read_objection, versions
from stock_ops.local.facts.safety import Safety, observe_safety
from stock_ops.local.plans.doctor import NEEDED, closing, examine
from stock_ops.local.plans.down import archive_trouble, plan_down
from stock_ops.local.plans.refusals import refuse_folder, refuse_objection
from stock_ops.local.plans.status import (
    COLUMNS,
    address,
    assess,
    events_of,
    keys_drawn,
    live_of,
    places,
    posts_of,
    urgent,
    verdict_for,
)
from stock_ops.local.plans.steps import PART_TITLES
from stock_ops.local.plans.up import UpPlan, plan_up
from stock_ops.local.runners.follow import Follower, follow
from stock_ops.local.runners.rotation import LocalHolder, unfinished
from stock_ops.local.runners.run import run_steps


def up(data: Data = None, port: Port = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Start everything that does not run yet, and wait until it is healthy."""
    run_verb("up", as_json, lambda report: _up(layout_of(data), port, report, dry_run=dry_run))


def down(data: Data = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Stop everything cleanly. The data are kept."""
    run_verb("down", as_json, lambda report: _down(layout_of(data), report, dry_run=dry_run))


def status(data: Data = None, as_json: Json = False) -> None:
    """Show each part: state, process, memory, restarts, health and why."""
    run_verb("status", as_json, lambda report: _status(layout_of(data), report))


def logs(
    part: Annotated[
        str, typer.Argument(help="postgresql, valkey, platform, backup, supervisor, setup or all.")
    ] = "all",
    data: Data = None,
    lines: Lines = 20,
    follow_on: Follow = False,
    as_json: Json = False,
) -> None:
    """Show the last lines of the logs."""
    known = (*PARTS, "supervisor", "setup")
    if part not in {*known, "all"}:
        raise typer.BadParameter(
            f"there is no part {part!r}; there are {', '.join(known)}", param_hint="PART"
        )
    wanted = known if part == "all" else (part,)
    run_verb(
        "logs", as_json, lambda report: _logs(layout_of(data), wanted, lines, report, follow_on=follow_on)
    )


def doctor(data: Data = None, port: Port = None, as_json: Json = False) -> None:
    """Check this machine: what is missing, and how to get it."""
    run_verb("doctor", as_json, lambda report: _doctor(layout_of(data), port, report))


def _up(layout: Layout, port: int | None, report: Report, *, dry_run: bool) -> int:
    plan, facts = _plan_up(layout, port)
    finished = [] if dry_run else _finish_changes(facts, report)
    if finished:
        plan, facts = _plan_up(layout, port)
    if plan.steps:
        refuse_objection(facts, _objection(facts))
    if dry_run:
        report.plan("up", listed(plan.steps))
        return 0
    if plan.steps:
        with locked(layout, "up"):
            plan = _start(layout, port, report)
        finished += _finish_changes(observe(layout, port=port), report)
    where = address(plan.host, plan.ports["platform"])
    settled = f"no changes but a secret's that was cut off: {', '.join(finished)}" if finished else ""
    state = "started" if plan.steps else settled or "no changes: everything runs already"
    lines = [("Ready", f"{where}  ({state})"), *places(layout), *keys_drawn(plan.steps)]
    lines += urgent(ask_part(layout))
    report.result("up", lines, {"changed": bool(plan.steps or finished), "address": where, **_paths(layout)})
    return 0


def _start(layout: Layout, port: int | None, report: Report) -> UpPlan:
    """Do the steps; once more when another program took a port after it was drawn and before we listened."""
    plan, facts = _plan_up(layout, port)
    try:
        run_steps(plan.steps, facts, report, undo=plan.starts_supervisor)
    except PartError:
        again, facts = _plan_up(layout, port)
        lost = [name for name, number in plan.ports.items() if again.ports[name] != number]
        if not lost:
            raise
        for name in lost:
            number = plan.ports[name]
            report.text(
                f"Port {number}, drawn for {PART_TITLES[name]}, was taken by {facts.taken[number]} "
                f"in the meantime: port {again.ports[name]} is used."
            )
        run_steps(again.steps, facts, report, undo=again.starts_supervisor)
        return replace(again, steps=(*plan.steps, *again.steps))
    return plan


def _finish_changes(facts: Facts, report: Report) -> list[str]:
    """Bring changes of secrets that were cut off to their end, where the servers run; their names."""
    names = unfinished(facts.secrets) if facts.supervisor.answers else []
    if names:
        with locked(facts.layout, "up"):
            for name in names:
                change(LocalHolder(facts.layout), name, report, goes_on=True)
    return names


def _plan_up(layout: Layout, port: int | None) -> tuple[UpPlan, Facts]:
    facts = observe(layout, port=port)
    return plan_up(facts, port), facts


def _down(layout: Layout, report: Report, *, dry_run: bool) -> int:
    facts = observe(layout, port=None)
    steps = plan_down(facts.supervisor, facts.leftovers)
    at_work = holder_of(layout.lock)
    if at_work and "stockops restore" in at_work:
        raise RestoreRunsError(at_work)
    if dry_run:
        report.plan("down", listed(steps))
        return 0
    if steps:
        refuse_folder(facts)
        with locked(layout, "down"):
            supervisor = observe_supervisor(layout)
            steps = plan_down(supervisor, observe_leftovers(layout, supervisor))
            run_steps(steps, facts, report, undo=False)
    said = "everything is stopped, the data are kept" if steps else "no changes: nothing runs"
    trouble = archive_trouble(steps, read_part_memory(layout))
    lines = [("Down", said), *([("Archive", trouble)] if trouble else []), *places(layout)]
    report.result("down", lines, {"changed": bool(steps), "archive_trouble": trouble, **_paths(layout)})
    return 0


def _status(layout: Layout, report: Report) -> int:
    facts = observe(layout, port=None)
    if facts.folder.exists:
        refuse_folder(facts)
    found = assess(facts, observe_condition(facts), time.time())
    if found.rows:
        report.table(COLUMNS, found.rows)
    report.result("status", found.lines, found.data)
    return found.exit_code


def _logs(layout: Layout, parts: Sequence[str], count: int, report: Report, *, follow_on: bool) -> int:
    if not layout.logs.is_dir():
        raise FolderError(f"There are no logs in {layout.logs}.", "Start the platform with: stockops up")
    if not os.access(layout.logs, os.R_OK | os.X_OK):
        raise FolderError(
            f"{layout.logs} may not be read by this user.", "Run this as the user who ran `up`."
        )
    followers = {part: Follower(layout.log(part)) for part in parts}
    try:
        for part, follower in followers.items():
            for line in follower.last(count):
                report.log(part, line, named=len(parts) > 1)
        for part, line in follow(followers) if follow_on else ():
            report.log(part, line, named=len(parts) > 1)
    except KeyboardInterrupt:
        return 0
    return 0


def _doctor(layout: Layout, port: int | None, report: Report) -> int:
    facts = observe(layout, port=port)
    condition = observe_condition(facts)
    runs = any(part.usage for part in condition.parts)
    verdict = verdict_for(facts, condition, stopped=not runs)
    findings = examine(
        facts,
        observe_host(),
        versions(NEEDED),
        port,
        pages_built=pages_built(),
        safety=_safety(facts),
        objection=_objection(facts),
        verdict=verdict,
        structure=condition.live,
        events=events_of(condition),
        live=live_of(condition),
        posts=posts_of(condition),
    )
    report.table(("Check", "State", "Found"), [(one.check, one.state, one.detail) for one in findings])
    lines = [(one.check, one.todo) for one in findings if one.todo]
    data = {
        "findings": [
            {"check": f.check, "state": f.state, "detail": f.detail, "todo": f.todo} for f in findings
        ],
        "verdict": verdict.body(),
    }
    failed = any(finding.state == "failed" for finding in findings)
    report.result("doctor", [*lines, ("Doctor", closing(findings))], {"ok": not failed, **data})
    return 1 if failed else 0


def _objection(facts: Facts) -> str | None:
    return (
        read_objection(facts.programs, facts.layout.overrides) if isinstance(facts.overrides, dict) else None
    )


def _safety(facts: Facts) -> Safety | None:
    backups = facts.backups
    if not isinstance(backups, BackupSettings) or not backups.enabled:
        return None
    return observe_safety(facts.layout, backups)


def _paths(layout: Layout) -> dict[str, str]:
    return {"data": str(layout.root), "logs": str(layout.logs)}
