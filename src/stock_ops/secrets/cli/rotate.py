"""`stockops secrets rotate`."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from stock_ops.kit import folder_rotation
from stock_ops.kit.errors import PartError, UnknownSecretError
from stock_ops.kit.layout import BACKUP_ROLE, Layout
from stock_ops.kit.report import Report
from stock_ops.kit.rotating import change
from stock_ops.kit.rotation import Holder
from stock_ops.kit.secret_names import BY_NAME, PEPPER, SECRET_NAMES, SESSION_KEY
from stock_ops.kit.verbs import Data, Json, backups_locked, layout_of, locked, run_verb
from stock_ops.kubernetes.connection import connect
from stock_ops.kubernetes.facts.environment import Environment, read_environment
from stock_ops.kubernetes.runners.rotation import ClusterHolder
from stock_ops.local.facts.instance import read_secrets
from stock_ops.local.facts.processes import observe_supervisor
from stock_ops.local.runners.rotation import LocalHolder, unfinished
from stock_ops.secrets.cli.options import Engine, Folder, ProjectName
from stock_ops.secrets.cli.push import secret_of
from stock_ops.secrets.facts.stack import find_project
from stock_ops.secrets.runners.stack import holder_of

Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...",
        help="As `show-names` lists them; `database`: all roles of the database; `all`.",
        show_default=False,
    ),
]


def rotate(
    names: Names,
    end_sessions: Annotated[
        bool, typer.Option("--end-sessions", help="With session_key: everyone types the API key again.")
    ] = False,
    folder: Folder = None,
    project: ProjectName = "stock-analysis",
    engine: Engine = None,
    environment: Annotated[
        str | None,
        typer.Option(
            help="With --folder: an environment of a cluster that has these secrets.", metavar="ENV"
        ),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Draw secrets anew while the platform runs: no request fails. A change that was cut off ends first."""

    def run(report: Report) -> int:
        wanted, keep_old = chosen(names), not end_sessions
        if folder is None:
            return _rotate(layout_of(data), wanted, report, keep_old=keep_old)
        place = folder.expanduser().resolve()
        if environment is not None:
            cluster = cluster_holder(read_environment(environment), place)
            return _rotate_folder(cluster, place, wanted, report, keep_old=keep_old)
        held = holder_of(find_project(project, engine), place)
        return _rotate_folder(held, place, wanted, report, keep_old=keep_old)

    run_verb("secrets rotate", as_json, run)


def cluster_holder(environment: Environment, folder: Path) -> ClusterHolder:
    """The secrets of a running release. Raises OpsError."""
    return ClusterHolder(connect(environment.context), environment, folder, secret_of(environment))


def chosen(names: list[str]) -> list[str]:
    """The secrets that are meant, in the order of their list. Raises UnknownSecretError."""
    groups = {
        "all": [one.name for one in SECRET_NAMES if not one.optional],
        "database": [one.name for one in SECRET_NAMES if one.database],
    }
    wanted = {one for name in names for one in groups.get(name, [name])}
    for name in names:
        if name not in groups and name not in BY_NAME:
            raise UnknownSecretError(name)
    return [name for name in BY_NAME if name in wanted]


def _rotate(layout: Layout, names: list[str], report: Report, *, keep_old: bool) -> int:
    with locked(layout, "secrets rotate"):
        if not observe_supervisor(layout).answers:
            raise PartError(
                "The platform does not run, and its servers keep the passwords.", "Start it: stockops up"
            )
        cut_off = unfinished(read_secrets(layout))
        for name in cut_off:
            _change(layout, name, report, keep_old=keep_old, goes_on=True)
        for name in names:
            _change(layout, name, report, keep_old=keep_old, goes_on=False)
    _tell(report, cut_off, names, keep_old=keep_old)
    return 0


def _rotate_folder(holder: Holder, folder: Path, names: list[str], report: Report, *, keep_old: bool) -> int:
    """The folder is locked, so that two changes never mix."""
    with locked(Layout(folder), "secrets rotate"):
        cut_off = folder_rotation.unfinished(folder)
        for name in cut_off:
            change(holder, name, report, keep_old=keep_old, goes_on=True)
        for name in names:
            change(holder, name, report, keep_old=keep_old)
    _tell(report, cut_off, names, keep_old=keep_old)
    return 0


def _tell(report: Report, cut_off: list[str], names: list[str], *, keep_old: bool) -> None:
    lines = [("Changed", ", ".join([*cut_off, *names]))]
    if SESSION_KEY in names and keep_old:
        lines.append(
            ("Sessions", "go on, signed with the old key, for 12 hours at most (else --end-sessions)")
        )
    if PEPPER in names:
        lines.append(("Keep", "API keys need this pepper from now on: stockops secrets export --to FILE"))
    report.result("secrets rotate", lines, {"changed": True, "finished": cut_off, "rotated": names})


_BACKUP_S = 120.0
"""A backup on schedule is waited for; a longer one is told, and the change begun again after it."""


def _change(layout: Layout, name: str, report: Report, *, keep_old: bool, goes_on: bool) -> None:
    """PostgreSQL's own programs know one password: no backup begins while theirs is changed."""
    held: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
    if name == BACKUP_ROLE:
        held = backups_locked(layout, "secrets rotate", report, patience_s=_BACKUP_S)
    with held:
        change(LocalHolder(layout), name, report, keep_old=keep_old, goes_on=goes_on)
