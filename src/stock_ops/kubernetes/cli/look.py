"""`stockops --target kubernetes status, logs, doctor`."""

from typing import Annotated, Any

import typer

from stock_ops.kit.errors import FolderError, OpsError
from stock_ops.kit.report import Report
from stock_ops.kit.target import KUBERNETES
from stock_ops.kit.verbs import Follow, Json, Lines, run_verb
from stock_ops.kubernetes.cli.session import Env, Target, opened, refuse_other
from stock_ops.kubernetes.cli.telling import show_checks, told_checks
from stock_ops.kubernetes.connection import connect
from stock_ops.kubernetes.facts.backups import ask_part, has_backups, newest_backup
from stock_ops.kubernetes.facts.cluster import (
    deployments_of,
    log_of,
    observe,
    pods_of,
    read_records,
)
from stock_ops.kubernetes.facts.environment import Environment, read_environment
from stock_ops.kubernetes.facts.release import read_release
from stock_ops.kubernetes.plans.checks import FAILED, Check
from stock_ops.kubernetes.plans.status import COLUMNS, rows, verdict
from stock_ops.kubernetes.plans.why import why
from stock_ops.kubernetes.runners.doctor import examine
from stock_ops.kubernetes.runners.follow import log_lines

_NOT_WELL = 3


def status(env: Env, as_json: Json = False, target: Target = KUBERNETES) -> None:
    """Show each part of a release and why it is not well, and the last deploy. Exit code 3: not well."""
    refuse_other(target)
    run_verb("status", as_json, lambda report: _status(read_environment(env), report))


def logs(
    env: Env,
    part: Annotated[str, typer.Argument(help="As `status` names it, or all.")] = "all",
    lines: Lines = 20,
    follow_on: Follow = False,
    as_json: Json = False,
    target: Target = KUBERNETES,
) -> None:
    """Show the last lines of the logs of every pod of a part."""
    refuse_other(target)
    run_verb("logs", as_json, lambda report: _logs(read_environment(env), part, lines, report, follow_on))


def doctor(env: Env, as_json: Json = False, target: Target = KUBERNETES) -> None:
    """Check environment and cluster: what is missing for a deploy, and how to get it."""
    refuse_other(target)
    run_verb("doctor", as_json, lambda report: _doctor(env, report))


def _status(environment: Environment, report: Report) -> int:
    with opened(environment, report) as work:
        release = read_release(work.helm, environment)
        seen = observe(work.connection, environment)
        workloads = deployments_of(work.connection, environment)
        records = read_records(work.connection, environment)

        def logs_of(pod: str, container: str, previous: bool) -> list[str]:
            return log_of(work.connection, environment, pod, container, previous=previous)

        found = verdict(workloads, release.state if release.exists else "none")
        account = ask_part(work.connection, environment) if has_backups(environment) else None
        said = why(seen.pods, seen.events, seen.quotas, logs_of, lambda _: "") if found != "well" else ()
    report.table(COLUMNS, rows(workloads, seen.pods))
    lines = [
        ("Release", f"{environment.release} in {environment.namespace}: revision {release.newest}, {found}")
    ]
    lines += _last(records)
    lines += _backups(account) if has_backups(environment) else []
    lines += [("WHY", line) for line in said]
    data: dict[str, Any] = {
        "state": found,
        "revision": release.newest,
        "parts": [dict(zip(map(str.lower, COLUMNS), row, strict=True)) for row in rows(workloads, seen.pods)],
        "last_deploy": records[-1] if records else None,
        "backups": account,
        "why": list(said),
    }
    report.result("status", lines, data)
    return 0 if found == "well" else _NOT_WELL


def _last(records: list[dict[str, Any]]) -> list[tuple[str, str]]:
    if not records:
        return [("Deploys", "none is recorded")]
    last = records[-1]
    told = f"number {last['number']}, {last['outcome']}, {last['at']}, commit {last['commit'][:12]}"
    return [("Last deploy", f"{told}, by {last['by']}")]


def _backups(account: dict[str, Any] | None) -> list[tuple[str, str]]:
    if account is None:
        return [("Backups", "the part backup does not answer")]
    newest = newest_backup(account)
    told = f"the newest of {newest[:16].replace('T', ' ')} UTC" if newest else "none yet"
    return [("Backups", f"{told}; {account['verdict']['headline']}")]


def _logs(environment: Environment, part: str, count: int, report: Report, follow: bool) -> int:
    connection = connect(environment.context)
    pods = pods_of(connection, environment)
    component = "app.kubernetes.io/component"
    known = sorted({one["metadata"]["labels"][component] for one in pods})
    if part != "all" and part not in known:
        raise FolderError(
            f"There are no pods of {part!r} in {environment.namespace}.",
            f"Choose one of {', '.join(known)}, or all."
            if known
            else "Nothing runs there: stockops deploy ENV",
        )
    chosen = [one for one in pods if part in ("all", one["metadata"]["labels"][component])]
    try:
        for name, line in log_lines(connection, environment, chosen, count, follow=follow):
            report.log(name, line, named=len(chosen) > 1)
    except KeyboardInterrupt:
        return 0
    return 0


def _doctor(env: str, report: Report) -> int:
    checks: list[Check] = []
    try:
        environment = read_environment(env)
        checks.append(Check("environment", "ok", f"{environment.path}"))
        with opened(environment, report) as work:
            checks += examine(work)
    except OpsError as error:
        checks.append(Check("cluster" if checks else "environment", FAILED, error.why, error.todo))
    show_checks(report, checks)
    bad = [one for one in checks if one.state == FAILED]
    lines = [(one.name, one.todo) for one in checks if one.todo]
    lines.append(("Doctor", f"{len(bad)} of {len(checks)} checks failed" if bad else "a deploy can begin"))
    report.result("doctor", lines, {"ok": not bad, **told_checks(checks)})
    return 1 if bad else 0
