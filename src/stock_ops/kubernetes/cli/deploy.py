"""`stockops deploy, diff, rollback, smoke`."""

from typing import Annotated

import typer

from stock_ops.kit.errors import NotConfirmedError
from stock_ops.kit.report import Report
from stock_ops.kit.signals import signals_interrupt
from stock_ops.kit.target import KUBERNETES
from stock_ops.kit.verbs import DryRun, Json, Yes, confirmed, run_verb
from stock_ops.kubernetes.cli.session import Env, Image, OpsImage, Target, opened, refuse_other
from stock_ops.kubernetes.cli.telling import show_checks, show_diff, told_checks, told_diff
from stock_ops.kubernetes.errors import RefusedError
from stock_ops.kubernetes.facts.environment import Environment, read_environment
from stock_ops.kubernetes.facts.release import Release, read_release
from stock_ops.kubernetes.plans.diff import counted
from stock_ops.kubernetes.runners.deploy import (
    Work,
    refuse_schema,
    roll_back,
    target_of_rollback,
    undo_cut_off,
    who,
)
from stock_ops.kubernetes.runners.deploy import (
    deploy as run_deploy,
)
from stock_ops.kubernetes.runners.lease import alone
from stock_ops.kubernetes.runners.prepare import Prepared, prepare
from stock_ops.kubernetes.runners.release import smoke as run_smoke

_SMOKE_FAILED = 3


def deploy(
    env: Env,
    image: Image = None,
    ops_image: OpsImage = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    target: Target = KUBERNETES,
) -> None:
    """Deploy an environment: check, ask, upgrade, verify, record. A failure is explained and undone.

    Exit codes: 5 a check did not pass, nothing was changed; 6 another deploy runs; 7 undone, the version
    before serves; 8 it could not be undone.
    """
    refuse_other(target)

    def run(report: Report) -> int:
        return _deploy(read_environment(env, image, ops_image=ops_image), report, dry_run, yes)

    run_verb("deploy", as_json, run)


def diff(
    env: Env,
    image: Image = None,
    ops_image: OpsImage = None,
    as_json: Json = False,
    target: Target = KUBERNETES,
) -> None:
    """Show what a deploy would change, object by object, and whether its checks pass."""
    refuse_other(target)
    run_verb("diff", as_json, lambda report: _diff(read_environment(env, image, ops_image=ops_image), report))


def rollback(
    env: Env,
    to: Annotated[
        int | None, typer.Option(min=1, help="Revision; else the one before.", show_default=False)
    ] = None,
    yes: Yes = False,
    as_json: Json = False,
    target: Target = KUBERNETES,
) -> None:
    """Go back to an earlier revision, unless the schema of the database has gone further."""
    refuse_other(target)
    run_verb("rollback", as_json, lambda report: _rollback(read_environment(env), to, report, yes))


def smoke(env: Env, as_json: Json = False, target: Target = KUBERNETES) -> None:
    """Ask the gateway for a search, a chart, an indicator, limits, an error, the page and the stream."""
    refuse_other(target)
    run_verb("smoke", as_json, lambda report: _smoke(read_environment(env), report))


def _deploy(environment: Environment, report: Report, dry_run: bool, yes: bool) -> int:
    with opened(environment, report) as work:
        with report.step("Plan", f"{environment.path}, as the cluster would take it", quiet=False):
            prepared = prepare(work.helm, work.connection, environment)
        show_diff(report, prepared.changes)
        show_checks(report, prepared.checks)
        prepared.refuse()
        if dry_run:
            report.result(
                "deploy",
                [("Changes", counted(prepared.changes)), ("Dry run", "nothing was done")],
                {"changed": False, **told_diff(prepared.changes), **told_checks(prepared.checks)},
            )
            return 0
        if prepared.release.exists and prepared.release.state == "deployed" and not prepared.changes:
            report.result("deploy", [("Deploy", "no changes")], {"changed": False})
            return 0
        question = f"Deploy to {environment.namespace} ({counted(prepared.changes)})?"
        if not confirmed(question, yes=yes):
            raise NotConfirmedError("a deploy")
        return _do(work, prepared)


def _do(work: Work, prepared: Prepared) -> int:
    environment = work.environment
    with alone(work.connection, environment, who()), signals_interrupt():
        again = read_release(work.helm, environment)
        if again.is_cut_off:
            undo_cut_off(work, again)
            again = read_release(work.helm, environment)
        if again.newest != prepared.release.newest:
            prepared = prepare(work.helm, work.connection, environment)
            prepared.refuse()
        record = run_deploy(work, prepared)
    lines = [
        ("Deployed", f"revision {record.revision} of {environment.release} in {record.seconds:.0f} s"),
        ("Commit", record.commit),
        *[("Image", one) for one in record.images],
        ("Recorded", f"ConfigMap {environment.release}-deploys, number {record.number}"),
    ]
    work.report.result("deploy", lines, {"changed": True, **record.body(), **told_checks(prepared.checks)})
    return 0


def _diff(environment: Environment, report: Report) -> int:
    with opened(environment, report) as work:
        prepared = prepare(work.helm, work.connection, environment)
    show_diff(report, prepared.changes)
    show_checks(report, prepared.checks)
    lines = [("Changes", counted(prepared.changes))]
    report.result("diff", lines, {**told_diff(prepared.changes), **told_checks(prepared.checks)})
    return 0


def _rollback(environment: Environment, to: int | None, report: Report, yes: bool) -> int:
    with opened(environment, report) as work:
        release = read_release(work.helm, environment)
        revision = target_of_rollback(release, to)
        known = refuse_schema(work, revision)
        cut_off = _cut_off(release)
        question = " ".join((*cut_off, f"Go back from revision {release.newest} to {revision}?"))
        if not confirmed(question, yes=yes):
            raise NotConfirmedError("a rollback")
        with alone(work.connection, environment, who()), signals_interrupt():
            if read_release(work.helm, environment) != release:
                raise RefusedError(
                    "Nothing was changed: another deploy has ended meanwhile.",
                    "Look at what serves now, then roll back again: "
                    f"stockops --target kubernetes status {environment.path}",
                )
            record = roll_back(work, release, revision, known)
    lines = [
        ("Rolled back", f"to revision {revision}, now {record.revision}, in {record.seconds:.0f} s"),
        ("Commit", record.commit),
        *[("Cut off", one) for one in cut_off],
    ]
    report.result("rollback", lines, {"changed": True, "to": revision, **record.body()})
    return 0


def _cut_off(release: Release) -> tuple[str, ...]:
    """What a change that was killed means for a rollback."""
    if not release.is_cut_off:
        return ()
    serves = f"revision {release.serving} serves" if release.serving else "none has come up before"
    return (f"Revision {release.newest} was begun and never ended; {serves}.",)


def _smoke(environment: Environment, report: Report) -> int:
    with opened(environment, report) as work:
        passed, said = run_smoke(work.helm, work.connection, environment)
    rows = [line.split(maxsplit=2) for line in said]
    report.table(("STATE", "STEP", "FOUND"), [(*row, "", "", "")[:3] for row in rows])
    told = "passed" if passed else "failed"
    report.result("smoke", [("Smoke test", told)], {"outcome": told, "said": said})
    return 0 if passed else _SMOKE_FAILED
