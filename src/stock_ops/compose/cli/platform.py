"""The verbs of the platform in containers: up, down, status, logs, doctor."""

import time
from collections.abc import Mapping
from typing import Annotated

import typer

from stock_ops.compose.facts.containers import Container, is_image_here, observe_containers
from stock_ops.compose.facts.engine import Engine, find_engine
from stock_ops.compose.facts.part import ask_part
from stock_ops.compose.facts.stack import LIVE_SOURCES, Files, Stack, fingerprint, read_operators
from stock_ops.compose.facts.standing import Standing, observe_standing
from stock_ops.compose.plans.doctor import Seen, examine
from stock_ops.compose.plans.services import BACKUP, MIGRATE, ORDER, expected
from stock_ops.compose.plans.settings import DEFAULT_PORT, published, refuse_missing
from stock_ops.compose.plans.status import COLUMNS, assess, places, verdict_for
from stock_ops.compose.plans.up import Start, Step, plan_down, plan_up
from stock_ops.compose.runners.follow import log_lines
from stock_ops.compose.runners.rotation import finish_changes
from stock_ops.compose.runners.up import Work, prepare, remembered_fingerprint, run_steps
from stock_ops.kit.backup_settings import BackupSettings, read_backup_settings
from stock_ops.kit.errors import FolderError, OpsError, PortTakenError
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import Report
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
from stock_ops.kit.verdict import Verdict
from stock_ops.local.facts.folder import observe_folder
from stock_ops.local.facts.host import observe_host
from stock_ops.local.facts.ports import free_ports, holders_of, is_taken, obstacle
from stock_ops.local.plans.doctor import closing
from stock_ops.local.plans.status import address, urgent


def up(data: Data = None, port: Port = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Start every container that does not run yet, and wait until it is healthy."""
    run_verb("up", as_json, lambda report: _up(layout_of(data), port, report, dry_run=dry_run))


def down(data: Data = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Stop every container cleanly. The data are kept."""
    run_verb("down", as_json, lambda report: _down(layout_of(data), report, dry_run=dry_run))


def status(data: Data = None, as_json: Json = False) -> None:
    """Show each container: state, process, memory, restarts, health and why."""
    run_verb("status", as_json, lambda report: _status(layout_of(data), report))


def logs(
    part: Annotated[str, typer.Argument(help=f"{', '.join((*ORDER, MIGRATE))} or all.")] = "all",
    data: Data = None,
    lines: Lines = 20,
    follow_on: Follow = False,
    as_json: Json = False,
) -> None:
    """Show the last lines of the logs."""
    known = (*ORDER, MIGRATE)
    if part not in {*known, "all"}:
        raise typer.BadParameter(
            f"there is no part {part!r}; there are {', '.join(known)}", param_hint="PART"
        )
    wanted = known if part == "all" else (part,)
    run_verb("logs", as_json, lambda report: _logs(layout_of(data), wanted, lines, report, follow_on))


def doctor(data: Data = None, port: Port = None, as_json: Json = False) -> None:
    """Check this machine: what is missing, and how to get it."""
    run_verb("doctor", as_json, lambda report: _doctor(layout_of(data), port, report))


def stack_of(layout: Layout) -> Stack:
    """The project of a data folder. Raises MissingProgramError."""
    return Stack(Files(layout), find_engine())


def work_of(stack: Stack, port: int | None) -> Work:
    """Everything that a start is made from. Raises OpsError for what is missing."""
    files = stack.files
    operators = read_operators(files)
    refuse_missing(files, operators)
    publish = published(files, operators, port)
    return Work(stack, operators, publish, read_backup_settings(files.layout))


def _up(layout: Layout, port: int | None, report: Report, *, dry_run: bool) -> int:
    stack = stack_of(layout)
    work = work_of(stack, port)
    if dry_run:
        report.plan("up", listed(_plan(work, prepared=False)))
        return 0
    _refuse_port(work)
    with locked(layout, "up"):
        prepare(work)
        steps = _plan(work, prepared=True)
        run_steps(steps, work, report)
        finished = finish_changes(stack, report)
    found, host = observe_containers(stack, BACKUP), address(*work.publish)
    settled = f"no changes but a secret's that was cut off: {', '.join(finished)}" if finished else ""
    state = "started" if steps else settled or "no changes: everything runs already"
    lines = [("Ready", f"{host}  ({state})"), *places(layout), *_first_words(work, steps)]
    lines += urgent(ask_part(stack, found.get(BACKUP)))
    changed = bool(steps or finished)
    report.result("up", lines, {"changed": changed, "address": host, "data": f"{layout.root}", "logs": None})
    return 0


def _plan(work: Work, *, prepared: bool) -> tuple[Step, ...]:
    """prepared: the files that containers are made from are written already."""
    stack = work.stack
    changed = not prepared or fingerprint(stack) != remembered_fingerprint(stack)
    if not prepared and stack.files.generated.exists():
        changed = fingerprint(stack) != remembered_fingerprint(stack)
    containers = observe_containers(stack, checked=True)
    wanted = expected(backups=work.backups.enabled, live=_is_live(work.operators))
    return plan_up(wanted, containers, changed=changed)


def _is_live(operators: Mapping[str, str]) -> bool:
    """Whether a source of live prices is configured."""
    return bool(operators.get(LIVE_SOURCES))


def _first_words(work: Work, steps: tuple[Step, ...]) -> list[tuple[str, str]]:
    if not any(isinstance(step, Start) and step.service == BACKUP for step in steps):
        return []
    told = "keep a copy of it in another place; without it the backups cannot be opened"
    return [("Backup key", f"{work.stack.files.backup_key}: {told}")]


def _refuse_port(work: Work) -> None:
    """Raise PortTakenError where another program listens at the public address."""
    host, port = work.publish
    gateway = observe_containers(work.stack, "gateway").get("gateway")
    if (gateway and gateway.runs and gateway.port == port) or not is_taken(host, port):
        return
    raise PortTakenError(host, port, str(holders_of({port})[port]), free_ports(host, 1)[0])


def _down(layout: Layout, report: Report, *, dry_run: bool) -> int:
    stack = stack_of(layout)
    containers = observe_containers(stack)
    overview = ask_part(stack, containers.get(BACKUP))
    steps = plan_down(containers)
    if dry_run:
        report.plan("down", listed(steps))
        return 0
    if steps:
        work = Work(stack, {}, ("", 0), read_backup_settings(layout))
        with locked(layout, "down"):
            run_steps(steps, work, report)
    trouble = _archive_trouble(stack, overview is not None)
    said = "everything is stopped, the data are kept" if steps else "no changes: nothing runs"
    lines = [("Down", said), *([("Archive", trouble)] if trouble else []), *places(layout)]
    report.result(
        "down",
        lines,
        {"changed": bool(steps), "archive_trouble": trouble, "data": str(layout.root), "logs": None},
    )
    return 0


def _archive_trouble(stack: Stack, ran: bool) -> str | None:
    """The log that the part `backup` could not archive any more: it says so itself, last."""
    if not ran:
        return None
    backup = observe_containers(stack, BACKUP).get(BACKUP)
    if backup is None or backup.exit_code == 0:
        return None
    return (
        f"the part `backup` ended with {backup.exit_code}; keep the volumes, the next start archives the rest"
    )


def _status(layout: Layout, report: Report) -> int:
    stack = stack_of(layout)
    containers = observe_containers(stack, checked=True)
    backups = read_backup_settings(layout)
    found = assess(
        layout,
        observe_folder(layout.root, None),
        expected(backups=backups.enabled, live=_is_live(read_operators(stack.files))),
        containers,
        ask_part(stack, containers.get(BACKUP)),
        observe_standing(stack, containers),
        time.time(),
    )
    if found.rows:
        report.table(COLUMNS, found.rows)
    report.result("status", found.lines, found.data)
    return found.exit_code


def _logs(layout: Layout, parts: tuple[str, ...], count: int, report: Report, follow: bool) -> int:
    stack = stack_of(layout)
    containers = observe_containers(stack)
    chosen: list[Container] = [containers[part] for part in parts if part in containers]
    if not chosen:
        told = "is no container" if len(parts) == 1 else "are no containers"
        raise FolderError(
            f"There {told} of {layout.root} to show logs of.", "Start the platform with: stockops up"
        )
    try:
        for part, line in log_lines(stack, chosen, count, follow=follow):
            report.log(part, line, named=len(parts) > 1)
    except KeyboardInterrupt:
        return 0
    return 0


def _doctor(layout: Layout, port: int | None, report: Report) -> int:
    seen = _see(layout, port)
    findings = examine(seen)
    report.table(("Check", "State", "Found"), [(one.check, one.state, one.detail) for one in findings])
    lines = [(one.check, one.todo) for one in findings if one.todo]
    data = [{"check": f.check, "state": f.state, "detail": f.detail, "todo": f.todo} for f in findings]
    failed = any(finding.state == "failed" for finding in findings)
    told = {"ok": not failed, "findings": data, "verdict": _verdict(seen).body()}
    report.result("doctor", [*lines, ("Doctor", closing(findings))], told)
    return 1 if failed else 0


def _verdict(seen: Seen) -> Verdict:
    if not isinstance(seen.engine, Engine):
        return Verdict()
    stack = Stack(seen.files, seen.engine)
    containers = observe_containers(stack, checked=True)
    enabled = not isinstance(seen.backups, OpsError) and seen.backups.enabled
    runs = any(one.runs for one in containers.values())
    overview = ask_part(stack, containers.get(BACKUP))
    live = not isinstance(seen.operators, OpsError) and _is_live(seen.operators)
    return verdict_for(expected(backups=enabled, live=live), containers, overview, stopped=not runs)


def _see(layout: Layout, port: int | None) -> Seen:
    files = Files(layout)
    engine, operators, backups = _engine(), _operators(files), _backups(layout)
    publish, problem = ("127.0.0.1", port or DEFAULT_PORT), None
    images, standing, relay = {}, Standing(), ""
    if not isinstance(operators, OpsError):
        try:
            publish = published(files, operators, port)
        except OpsError as error:
            problem = error.why
    if isinstance(engine, Engine):
        stack = Stack(files, engine)
        if not isinstance(operators, OpsError):
            images = {
                name: is_image_here(stack, image) for name, image in operators.items() if "IMAGE" in name
            }
        containers = observe_containers(stack)
        gateway, standing = containers.get("gateway"), observe_standing(stack, containers)
        relay = containers["relay"].name if "relay" in containers else ""
        mine = bool(gateway and gateway.runs and gateway.port == publish[1])
        problem = problem or (None if mine else _obstacle(*publish))
    return Seen(
        files,
        observe_folder(layout.root, None),
        observe_host(),
        engine,
        operators,
        images,
        backups,
        publish[1],
        problem,
        standing,
        relay,
    )


def _obstacle(host: str, port: int) -> str | None:
    if is_taken(host, port):
        return f"taken by {holders_of({port})[port]}"
    found = obstacle(host, port)
    return found.strerror or str(found) if found else None


def _engine() -> Engine | OpsError:
    try:
        return find_engine()
    except OpsError as error:
        return error


def _operators(files: Files) -> dict[str, str] | OpsError:
    try:
        return read_operators(files)
    except OpsError as error:
        return error


def _backups(layout: Layout) -> BackupSettings | OpsError:
    try:
        return read_backup_settings(layout)
    except OpsError as error:
        return error
