"""`stockops --target kubernetes restore`: the data of a release back, from its backups."""

import json
from typing import Any

import typer

from stock_ops.kit.errors import NotConfirmedError, OpsError
from stock_ops.kit.report import Report
from stock_ops.kit.signals import signals_interrupt
from stock_ops.kit.verbs import confirmed, run_verb
from stock_ops.kubernetes.cli.inside import environment_of, outside, without_ours
from stock_ops.kubernetes.cli.session import opened
from stock_ops.kubernetes.facts.environment import Environment
from stock_ops.kubernetes.runners.deploy import Work, who
from stock_ops.kubernetes.runners.lease import alone
from stock_ops.kubernetes.runners.restore import (
    Ended,
    Release,
    end_jobs,
    look,
    migrate,
    provide_volume,
    run_job,
    start_rest,
    start_server,
    stop_all,
)

NEW_VOLUME, START = "--new-volume", "--start"
"""Words that only this target knows: take the database's volume away first; start what a restore stopped."""


class RestoreFailedError(OpsError):
    """The Job ended without having restored. Its exit code is ours."""

    def __init__(self, why: str, todo: str, code: int, environment: Environment) -> None:
        start = f"stockops --target kubernetes restore --environment {environment.path} {START}"
        super().__init__(why, f"{todo} Nothing was started again; to start what is in place: {start}")
        self.exit_code = code


def restore(context: typer.Context) -> None:
    """With everything stopped but Valkey and Kafka, into the volume of the database."""
    words = context.args

    def run(report: Report) -> int:
        environment = environment_of("restore", words)
        with opened(environment, report) as work:
            return _restore(work, words, report)

    run_verb("restore", "--json" in words, run)


def _restore(work: Work, words: list[str], report: Report) -> int:
    environment, release = work.environment, look(work)
    theirs = [word for word in without_ours(words) if word not in (NEW_VOLUME, START)]
    if "--dry-run" in words:
        report.plan("restore", _planned(release, words))
        return 0
    if not confirmed(_question(environment, words), yes="--yes" in words):
        raise NotConfirmedError("a restore")
    with alone(work.connection, environment, who()), signals_interrupt():
        end_jobs(work)
        ended = None if START in words else _bring_back(work, release, words, theirs, report)
        with report.step("Start", "the database, with the passwords of now", quiet=False):
            start_server(work, release)
        with report.step("Migrate", "to the schema of the version that runs", quiet=False):
            migrate(work, release)
        with report.step("Start", ", ".join(_others(release)), quiet=False):
            start_rest(work, release)
    lines = [("Started", f"{environment.release} in {environment.namespace} serves again")]
    if ended is not None:
        lines.append(("Old data", _place_of_old_data(environment, new=NEW_VOLUME in words)))
    report.result("restore", lines, {"changed": True, **_told(ended)})
    return 0


def _place_of_old_data(environment: Environment, *, new: bool) -> str:
    if new:
        return "gone with the old volume"
    server = f"{environment.release}-postgresql-0"
    listed = f"kubectl -n {environment.namespace} exec {server} -- ls /var/lib/postgresql/data/kept"
    return f"in the volume of the database: {listed}"


def _bring_back(work: Work, release: Release, words: list[str], theirs: list[str], report: Report) -> Ended:
    with report.step("Stop", ", ".join((*_others(release), "postgresql")), quiet=False):
        stop_all(work, release)
    with report.step("Volume", "of the database", quiet=True):
        provide_volume(work, release, new=NEW_VOLUME in words)
    with report.step("Restore", "in a Job on the volume of the database", quiet=False):
        ended = run_job(work, release, theirs, outside(work.environment), show="--json" not in words)
    if ended.code:
        error = _told(ended).get("error", {})
        why = error.get("why") or f"The restore ended with {ended.code}: {ended.said.splitlines()[-1:]}"
        raise RestoreFailedError(
            why, error.get("todo") or "Run the same command again.", ended.code, work.environment
        )
    return ended


def _told(ended: Ended | None) -> dict[str, Any]:
    """What the verb in the pod said to a program."""
    text = ended.said if ended else ""
    try:
        found: dict[str, Any] = json.loads(text[text.index("{") : text.rindex("}") + 1])
    except ValueError:
        return {}
    return {key: value for key, value in found.items() if key not in ("verb", "ok", "steps")}


def _others(release: Release) -> list[str]:
    return [one.part for one in release.stopped if one.part != "postgresql"]


def _planned(release: Release, words: list[str]) -> list[tuple[str, str]]:
    start = [
        ("Start", "postgresql"),
        ("Migrate", "to the schema of now"),
        ("Start", ", ".join(_others(release))),
    ]
    if START in words:
        return start
    volume = "take it away, make a new one" if NEW_VOLUME in words else "made where it is gone"
    stop = ("Stop", ", ".join((*_others(release), "postgresql")))
    return [stop, ("Volume", volume), ("Restore", "in a Job"), *start]


def _question(environment: Environment, words: list[str]) -> str:
    where = f"{environment.release} in {environment.namespace}"
    if START in words:
        return f"Start {where} on the database that is in place?"
    lost = " The volume of the database is taken away first, with all that is in it." * (NEW_VOLUME in words)
    return f"Restore the database of {where}? Nothing answers until it is done.{lost}"
