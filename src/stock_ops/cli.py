"""The command stockops: its verbs and groups. Each is in its room, and loaded when it is called."""

import typer

from stock_ops.kit.late import late_group

_HELP = (
    "Start, stop and look after the stock analysis platform on this machine.\n\n"
    "Exit codes: 0 ok, 1 it did not work, 2 wrong usage, 3 not running, degraded or "
    "critical, 4 a drill that could not begin, 130 interrupted."
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
            "writer": _writer,
        },
        hidden={"run"},
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
            "export": "stock_ops.secrets.cli.bundle:export_secrets",
            "import": "stock_ops.secrets.cli.bundle:import_secrets",
        }
    ),
    add_completion=False,
    no_args_is_help=True,
)

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
            "secrets": _secrets,
            "service": _service,
        }
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
def _about() -> None:
    pass


def main() -> None:
    """Entry point of the command."""
    app()
