"""The verbs of `stockops backup`, each group in a file of its own."""

import typer

from stock_ops.backup_cli.run import run
from stock_ops.late import late_group

_HELP = "Back up the data, look at the backups, check them, and delete the old ones."

backup = typer.Typer(
    cls=late_group(
        {
            "create": "stock_ops.backup_cli.create:create",
            "list": "stock_ops.backup_cli.look:list_backups",
            "show": "stock_ops.backup_cli.look:show",
            "verify": "stock_ops.backup_cli.verify:verify",
            "prune": "stock_ops.backup_cli.prune:prune",
            "schedule": "stock_ops.backup_cli.look:schedule",
            "mark": "stock_ops.backup_cli.create:mark",
        }
    ),
    add_completion=False,
    help=_HELP,
    no_args_is_help=True,
)


@backup.callback(help=_HELP)
def _backup() -> None:
    pass


backup.command(hidden=True)(run)
