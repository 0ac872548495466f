"""The command stockops: its verbs and groups. Each is in its room, and loaded when it is called."""

import os
from collections.abc import Sequence
from typing import Annotated

import typer

from stock_ops.kit.errors import OpsError
from stock_ops.kit.late import late_group
from stock_ops.kit.layout import Layout, data_folder
from stock_ops.kit.target import COMPOSE, KUBERNETES, TARGETS, choose_target
from stock_ops.kit.verbs import data_of, value_of

_HELP = (
    "Start, stop and look after the stock analysis platform on this machine, in containers, "
    "or on Kubernetes.\n\n"
    "Exit codes: 0 ok, 1 it did not work, 2 wrong usage, 3 not running, degraded or "
    "critical, 4 a drill that could not begin, 5 to 8 of a deploy (see its help), 130 interrupted."
)
_BACKUP_HELP = "Back up the data, look at the backups, check them, and delete the old ones."
_WRITER_HELP = "Who writes to the storage of the backups: one instance; look, and decide where there are two."
_SERVICE_HELP = "Start this instance with the machine, by systemd."
_SECRETS_HELP = "Passwords and keys: draw them, change them while it runs, look for leaks."
_KEPT_HELP = "The old data that restores have replaced: look at them, delete them."

_writer = typer.Typer(
    cls=late_group(
        {
            "show": "stock_ops.backup.cli.writer:show",
            "take-over": "stock_ops.backup.cli.writer:take_over_storage",
            "new-line": "stock_ops.backup.cli.writer:begin_line",
            "stop": "stock_ops.backup.cli.writer:stop",
        }
    ),
    add_completion=False,
    no_args_is_help=True,
)

_backup = typer.Typer(
    cls=late_group(
        {
            "run": "stock_ops.watch.cli.run:run",
            "create": "stock_ops.backup.cli.create:create",
            "list": "stock_ops.backup.cli.look:list_backups",
            "show": "stock_ops.backup.cli.look:show",
            "verify": "stock_ops.backup.cli.verify:verify",
            "prune": "stock_ops.backup.cli.prune:prune",
            "schedule": "stock_ops.watch.cli.schedule:schedule",
            "mark": "stock_ops.backup.cli.create:mark",
            "measure": "stock_ops.backup.cli.carry:measure",
            "read-rows": "stock_ops.backup.cli.carry:read_rows",
            "writer": _writer,
        },
        hidden={"run", "measure", "read-rows"},
    ),
    add_completion=False,
    no_args_is_help=True,
)

_service = typer.Typer(
    cls=late_group(
        {
            "install": "stock_ops.local.cli.service:install",
            "remove": "stock_ops.local.cli.service:remove",
            "status": "stock_ops.local.cli.service:status",
        }
    ),
    add_completion=False,
    no_args_is_help=True,
)

_kept = typer.Typer(
    cls=late_group(
        {
            "list": "stock_ops.restore.cli.kept:list_kept",
            "delete": "stock_ops.restore.cli.kept:delete",
        }
    ),
    add_completion=False,
    no_args_is_help=True,
)

_secrets = typer.Typer(
    cls=late_group(
        {
            "init": "stock_ops.secrets.cli.names:init",
            "show-names": "stock_ops.secrets.cli.names:show_names",
            "rotate": "stock_ops.secrets.cli.rotate:rotate",
            "check": "stock_ops.secrets.cli.check:check",
            "push": "stock_ops.secrets.cli.push:push",
            "export": "stock_ops.secrets.cli.bundle:export_secrets",
            "import": "stock_ops.secrets.cli.bundle:import_secrets",
        }
    ),
    add_completion=False,
    no_args_is_help=True,
)

_IN_CONTAINERS = {
    "up": "stock_ops.compose.cli.platform:up",
    "down": "stock_ops.compose.cli.platform:down",
    "status": "stock_ops.compose.cli.platform:status",
    "logs": "stock_ops.compose.cli.platform:logs",
    "doctor": "stock_ops.compose.cli.platform:doctor",
    "backup": "stock_ops.compose.cli.inside:inside ...",
    "restore": "stock_ops.compose.cli.inside:restore ...",
    "drill": "stock_ops.compose.cli.inside:inside ...",
    "kept": "stock_ops.compose.cli.inside:beside_data ...",
    "service": "stock_ops.compose.cli.refusals:service ...",
}
"""The verbs whose code is another one on the target compose."""
_IN_CLUSTER = {
    "status": "stock_ops.kubernetes.cli.look:status",
    "logs": "stock_ops.kubernetes.cli.look:logs",
    "doctor": "stock_ops.kubernetes.cli.look:doctor",
    "backup": "stock_ops.kubernetes.cli.inside:inside ...",
    "drill": "stock_ops.kubernetes.cli.inside:inside ...",
    "restore": "stock_ops.kubernetes.cli.restore:restore ...",
}
"""And on the target kubernetes."""
_NOT_IN_CLUSTER = ("up", "down", "kept", "service")
_SAME_EVERYWHERE = ("move", "secrets", "deploy", "diff", "rollback", "smoke")


def _of_target(named: str | None, verb: str, words: Sequence[str]) -> str | None:
    if named is not None and named not in (*TARGETS, KUBERNETES):
        known = ", ".join((*TARGETS, KUBERNETES))
        raise typer.BadParameter(f"there is no target {named!r}; there are {known}")
    if KUBERNETES in (named, value_of("--target", words)) and verb not in _SAME_EVERYWHERE:
        refusal = "stock_ops.kubernetes.cli.refusals:not_there ..."
        return refusal if verb in _NOT_IN_CLUSTER else _IN_CLUSTER.get(verb)
    if verb in _SAME_EVERYWHERE:
        return None
    try:
        target = choose_target(Layout(data_folder(data_of(words), os.environ, os.geteuid())), named)
    except OpsError:
        return "stock_ops.compose.cli.refusals:other_target ..."
    inside = _IN_CONTAINERS.get(verb, "")
    asks_for_help = "--help" in words and not inside.startswith("stock_ops.compose.cli.platform:")
    return inside if target == COMPOSE and inside and not asks_for_help else None


app = typer.Typer(
    cls=late_group(
        {
            "up": "stock_ops.local.cli.platform:up",
            "down": "stock_ops.local.cli.platform:down",
            "status": "stock_ops.local.cli.platform:status",
            "logs": "stock_ops.local.cli.platform:logs",
            "doctor": "stock_ops.local.cli.platform:doctor",
            "runbook": "stock_ops.watch.cli.runbook:runbook",
            "backup": _backup,
            "restore": "stock_ops.restore.cli.restore:restore",
            "drill": "stock_ops.drill.cli:drill",
            "kept": _kept,
            "move": "stock_ops.move.cli:move",
            "deploy": "stock_ops.kubernetes.cli.deploy:deploy",
            "diff": "stock_ops.kubernetes.cli.deploy:diff",
            "rollback": "stock_ops.kubernetes.cli.deploy:rollback",
            "smoke": "stock_ops.kubernetes.cli.deploy:smoke",
            "secrets": _secrets,
            "service": _service,
        },
        instead=_of_target,
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@_backup.callback(help=_BACKUP_HELP)
def _about_backups() -> None:
    pass


@_writer.callback(help=_WRITER_HELP)
def _about_writers() -> None:
    pass


@_service.callback(help=_SERVICE_HELP)
def _about_service() -> None:
    pass


@_secrets.callback(help=_SECRETS_HELP)
def _about_secrets() -> None:
    pass


@_kept.callback(help=_KEPT_HELP)
def _about_kept() -> None:
    pass


@app.callback(help=_HELP)
def _about(
    target: Annotated[
        str | None,
        typer.Option(
            help="local or compose, else the one that the data folder remembers; or kubernetes.",
            show_default=False,
        ),
    ] = None,
) -> None:
    pass


def main() -> None:
    """Entry point of the command."""
    app()
