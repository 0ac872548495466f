"""The verbs that run in the pod of the part `backup`, by the same code as on a laptop: backup, drill."""

import sys
from collections.abc import Sequence

import typer

from stock_ops.kit.errors import MissingProgramError, PartError
from stock_ops.kit.report import Report
from stock_ops.kit.verbs import run_verb, value_of
from stock_ops.kubernetes.connection import connect
from stock_ops.kubernetes.facts.backups import BACKUP, has_backups, pod_of_backups
from stock_ops.kubernetes.facts.environment import Environment, read_environment

_OURS = ("--environment", "--target")


def inside(context: typer.Context) -> None:
    """In the pod of the part `backup`."""
    verb, words = context.info_name or "", context.args

    def run(_: Report) -> int:
        environment = environment_of(verb, words)
        connection = connect(environment.context)
        pod = pod_of_backups(connection, environment)
        if pod is None:
            raise PartError(
                f"No pod of the part {BACKUP} runs in {environment.namespace}.",
                f"Look why: stockops --target kubernetes status {environment.path}",
            )
        command = ["env", outside(environment), "stockops", verb, *without_ours(words)]
        where = environment.namespace, pod["metadata"]["name"], BACKUP
        return connection.follow_in(*where, command, sys.stdout, sys.stderr)

    run_verb(verb, "--json" in words, run)


def environment_of(verb: str, words: Sequence[str]) -> Environment:
    """The environment that the words name, which must have backups. Raises OpsError."""
    name = value_of("--environment", words)
    if not name:
        raise typer.BadParameter(
            f"which cluster? stockops --target kubernetes {verb} ... --environment ENV",
            param_hint="--environment",
        )
    environment = read_environment(name)
    if not has_backups(environment):
        raise MissingProgramError(
            f"{environment.path} has no backups (backup.enabled).",
            "Enable them there, deploy it, bring the key: stockops secrets push --target kubernetes --help",
        )
    return environment


def outside(environment: Environment) -> str:
    """Has the commands that are told in a pod say how they are typed here."""
    return f"STOCKOPS_OUTSIDE=/var/lib/stock-ops=--target kubernetes --environment {environment.path}"


def without_ours(words: Sequence[str]) -> list[str]:
    """The words without those that say where."""
    theirs, rest = [], iter(words)
    for word in rest:
        if word in _OURS:
            next(rest, None)
        elif not word.startswith(tuple(f"{one}=" for one in _OURS)):
            theirs.append(word)
    return theirs
