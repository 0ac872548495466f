"""Deploy, and go back: upgrade, wait, verify, record; what fails is explained and undone."""

import getpass
import os
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stock_ops.kit.report import Report
from stock_ops.kubernetes.connection import Connection
from stock_ops.kubernetes.errors import ClusterError, NotUndoneError, RefusedError, UndoneError
from stock_ops.kubernetes.facts.cluster import (
    Seen,
    answer_of_probe,
    deployments_of,
    log_of,
    observe,
    read_records,
)
from stock_ops.kubernetes.facts.environment import Environment
from stock_ops.kubernetes.facts.release import Release, read_manifest, read_release
from stock_ops.kubernetes.objects import Object
from stock_ops.kubernetes.plans.checks import images_of
from stock_ops.kubernetes.plans.record import (
    DONE,
    NOT_UNDONE,
    ROLLED_BACK,
    UNDONE,
    Record,
    ahead_of,
    newest_schema,
    next_number,
    of_revision,
)
from stock_ops.kubernetes.plans.rollout import behind
from stock_ops.kubernetes.plans.why import newer, why
from stock_ops.kubernetes.runners.command import CHECK_SCHEMA, run_as_owner
from stock_ops.kubernetes.runners.prepare import Prepared
from stock_ops.kubernetes.runners.record import remember
from stock_ops.kubernetes.runners.release import BroughtUpError, bring_up, go_back, smoke, take_away

_NEWER = "Deploy a version that knows it; to go back further, restore a backup."
_LEAST_S = 60
"""A version that was undone gets that long, also where the broken one was given less."""


@dataclass(frozen=True, slots=True)
class Work:
    """The objects of a deploy's work."""

    helm: Any
    connection: Connection
    environment: Environment
    report: Report


def who() -> str:
    """Who deploys: user and machine, and the run of a pipeline where there is one."""
    user = os.environ.get("GITHUB_ACTOR") or getpass.getuser()
    run = os.environ.get("GITHUB_RUN_ID")
    return f"{user}@{socket.gethostname()}{f', run {run}' if run else ''}, pid {os.getpid()}"


def deploy(work: Work, prepared: Prepared) -> Record:
    """Bring the new version up and verify it. Raises UndoneError, NotUndoneError, ClusterError."""
    started = time.monotonic()
    before = observe(work.connection, work.environment)
    upgrade, came_up = prepared.release.exists, False
    try:
        with work.report.step("Upgrade" if upgrade else "Install", _what(work, prepared), quiet=False):
            bring_up(work.helm, work.connection, work.environment, upgrade=upgrade)
        came_up = True
        with work.report.step("Verify", "rollout, readiness", quiet=False):
            verify_rollout(work)
        with work.report.step("Smoke test", "through the gateway", quiet=False):
            _verify_smoke(work)
    except BroughtUpError as error:
        lines = explain(work, before, str(error))
        work.report.text("\n".join(("WHY", *(f"  {line}" for line in lines))))
        seconds = time.monotonic() - started
        if came_up:
            _refuse_undo(work, prepared, lines, seconds)
        _undo(work, prepared, lines, seconds, error)
    revision = read_release(work.helm, work.environment).newest
    record = _record(work, prepared, revision, DONE, (), time.monotonic() - started)
    remember(work.connection, work.environment, record)
    return record


def undo_cut_off(work: Work, release: Release) -> None:
    """Put back what a deploy that was killed left half done. Raises NotUndoneError."""
    serving = release.serving
    try:
        if serving is None:
            with work.report.step("Undo", "an install that was cut off; volumes stay", quiet=False):
                take_away(work.helm, work.environment)
        else:
            with work.report.step(
                "Undo", f"a deploy that was cut off: back to revision {serving}", quiet=False
            ):
                go_back(work.helm, work.environment, serving)
    except BroughtUpError as error:
        raise NotUndoneError(
            f"A deploy before this one was cut off, and it could not be undone: {error}.",
            f"Look at it: stockops --target kubernetes status {work.environment.path}",
            (),
        ) from error


def _what(work: Work, prepared: Prepared) -> str:
    return (
        f"{work.environment.release} in {work.environment.namespace}, commit {prepared.checkout.commit[:12]}"
    )


def verify_rollout(work: Work) -> None:
    """Return once every part is there in its newest form, and ready. Raises BroughtUpError when time is over.

    An autoscaler may have asked for one more pod in this very moment, which starts like any other.
    """
    deadline = time.monotonic() + max(work.environment.timeout_s, _LEAST_S)
    while late := behind(deployments_of(work.connection, work.environment)):
        if time.monotonic() > deadline:
            raise BroughtUpError(f"not rolled out: {', '.join(late)}")
        time.sleep(1)


def _verify_smoke(work: Work) -> None:
    passed, said = smoke(work.helm, work.connection, work.environment)
    if not passed:
        bad = [line for line in said if not line.startswith("ok")] or said
        raise BroughtUpError(f"the smoke test failed: {'; '.join(bad)}")


def explain(work: Work, before: Seen, words: str) -> tuple[str, ...]:
    """WHY, in ten lines at most. before: the release as it was, whose pods and events are no reason."""
    environment, connection = work.environment, work.connection
    try:
        seen = observe(connection, environment)
    except ClusterError as error:
        return (words, error.why)
    uids = {pod["metadata"]["uid"] for pod in before.pods}
    new = [pod for pod in seen.pods if pod["metadata"]["uid"] not in uids]
    events = newer(seen.events, before.events)
    if words.startswith("the smoke test failed"):
        return (words,)

    def logs(pod: str, container: str, previous: bool) -> list[str]:
        return log_of(connection, environment, pod, container, previous=previous)

    def answer(pod: Object) -> str:
        return answer_of_probe(connection, environment, pod)

    return why(new, events, seen.quotas, logs, answer)


def _refuse_undo(work: Work, prepared: Prepared, lines: tuple[str, ...], seconds: float) -> None:
    """Leave a version that failed its smoke test where its post migrations were applied already."""
    known = newest_schema(prepared.records)[1]
    if not prepared.release.exists or not prepared.records or prepared.checkout.post <= known:
        return
    revision = read_release(work.helm, work.environment).newest
    remember(
        work.connection,
        work.environment,
        _record(work, prepared, revision, NOT_UNDONE, lines, seconds),
    )
    raise NotUndoneError(
        f"The new version failed ({_head(lines)}), and was not undone: post migration "
        f"{prepared.checkout.post:04d} was applied, which the version before does not know.",
        "Deploy a version that mends it.",
        lines,
    )


def _undo(
    work: Work, prepared: Prepared, lines: tuple[str, ...], seconds: float, error: BroughtUpError
) -> None:
    serving = prepared.release.serving
    try:
        if serving is None:
            with work.report.step("Undo", "take the first install away; volumes stay", quiet=False):
                take_away(work.helm, work.environment)
        else:
            with work.report.step("Undo", f"back to revision {serving}", quiet=False):
                go_back(work.helm, work.environment, serving)
                verify_rollout(work)
    except BroughtUpError as second:
        record = _record(work, prepared, serving or 0, NOT_UNDONE, lines, seconds)
        remember(work.connection, work.environment, record)
        raise NotUndoneError(
            f"The new version did not come up ({_head(lines)}), and it could not be undone: {second}.",
            f"Look at it: stockops --target kubernetes status {work.environment.path}",
            lines,
        ) from second
    revision = read_release(work.helm, work.environment).newest if serving else 0
    remember(work.connection, work.environment, _record(work, prepared, revision, UNDONE, lines, seconds))
    left = f"revision {serving} serves" if serving else "nothing runs, the volumes are kept"
    raise UndoneError(
        f"The new version did not come up: {_head(lines)}. It was undone: {left}.",
        "Correct what WHY says, then deploy again.",
        lines,
    ) from error


def _head(lines: tuple[str, ...]) -> str:
    """The first line without its details."""
    return ":".join(lines[0].split(":")[:2])[:120]


def _record(
    work: Work, prepared: Prepared, revision: int, outcome: str, lines: tuple[str, ...], seconds: float
) -> Record:
    return Record(
        number=next_number(prepared.records),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        by=who(),
        environment=work.environment.name,
        commit=prepared.checkout.commit,
        images=tuple(images_of(prepared.documents)),
        values=work.environment.values_hash,
        revision=revision,
        outcome=outcome,
        pre=prepared.checkout.pre,
        post=prepared.checkout.post,
        why=lines,
        seconds=round(seconds, 1),
    )


def target_of_rollback(release: Release, to: int | None) -> int:
    """The revision that a rollback leads to. Raises RefusedError.

    After a deploy that was cut off that is the one that serves: nobody goes back two versions unasked.
    """
    known = [int(one["revision"]) for one in release.revisions]
    if not release.exists:
        raise RefusedError("Nothing is deployed, so that there is nothing to go back from.", "Deploy first.")
    if to is None and release.is_cut_off:
        if release.serving is None:
            raise RefusedError(
                "The first install was cut off, so that there is no revision to go back to.",
                "Deploy again: that takes away first what was left half done.",
            )
        return release.serving
    if to is None:
        well = [
            int(one["revision"])
            for one in release.revisions
            if one["status"] in {"deployed", "superseded"} and int(one["revision"]) < (release.serving or 0)
        ]
        if not well:
            raise RefusedError("There is no revision before the one that serves.", "Deploy another version.")
        return well[-1]
    if to not in known:
        raise RefusedError(
            f"There is no revision {to}; there are {', '.join(map(str, known))}.", "Choose one of them."
        )
    return to


def refuse_schema(work: Work, revision: int) -> dict[str, Any]:
    """The record of the deploy that is gone back to. Raises RefusedError where the schema is ahead of it.

    The records know what was deployed by these verbs; the version itself knows the database.
    """
    records = read_records(work.connection, work.environment)
    found = of_revision(records, revision)
    post = int(found["post"]) if found else 0
    newer = ahead_of(records, post) if found else None
    if newer:
        raise RefusedError(
            f"Nothing was changed: revision {revision} does not know post migration {newer:04d}, which was "
            "applied; what it needs may be gone.",
            _NEWER,
        )
    said = _word_of(work, revision)
    if said:
        raise RefusedError(
            f"Nothing was changed: revision {revision} may not run on the schema as it is: {said}.", _NEWER
        )
    return dict(found) if found else {}


def _word_of(work: Work, revision: int) -> str:
    """Why the version of a revision may not run on the schema; empty where it may."""
    name = f"{work.environment.release}-gateway"
    for one in read_manifest(work.helm, work.environment, revision):
        if (one["kind"], one["metadata"]["name"]) == ("Deployment", name):
            image = str(one["spec"]["template"]["spec"]["containers"][0]["image"])
            return run_as_owner(work.connection, work.environment, CHECK_SCHEMA, image)
    return ""


def roll_back(work: Work, release: Release, revision: int, known: dict[str, Any]) -> Record:
    """Go back to a revision, verify it, remember it. Raises NotUndoneError, ClusterError."""
    started = time.monotonic()
    before = observe(work.connection, work.environment)
    records = read_records(work.connection, work.environment)
    now = of_revision(records, release.newest) or {}
    outcome = ROLLED_BACK
    lines: tuple[str, ...] = ()
    failure: BroughtUpError | None = None
    try:
        with work.report.step("Roll back", f"to revision {revision}", quiet=False):
            go_back(work.helm, work.environment, revision)
        with work.report.step("Verify", "rollout, readiness", quiet=False):
            verify_rollout(work)
        with work.report.step("Smoke test", "through the gateway", quiet=False):
            _verify_smoke(work)
    except BroughtUpError as error:
        failure, outcome = error, NOT_UNDONE
        lines = explain(work, before, str(error))
        work.report.text("\n".join(("WHY", *(f"  {line}" for line in lines))))
    source = known or now
    record = Record(
        number=next_number(records),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        by=who(),
        environment=work.environment.name,
        commit=str(source.get("commit", "unknown")),
        images=tuple(source.get("images", ())),
        values=str(source.get("values", "")),
        revision=read_release(work.helm, work.environment).newest,
        outcome=outcome,
        pre=int(source.get("pre", 0)),
        post=int(source.get("post", 0)),
        why=lines,
        seconds=round(time.monotonic() - started, 1),
    )
    remember(work.connection, work.environment, record)
    if failure:
        raise NotUndoneError(
            f"Revision {revision} did not come up: {_head(lines)}.",
            f"Look at it: stockops --target kubernetes status {work.environment.path}",
            lines,
        ) from failure
    return record
