"""The verbs of `stockops backup`, each group in a file of its own."""

import typer

from stock_ops.backup_cli.create import create
from stock_ops.backup_cli.run import run

backup = typer.Typer(
    help="Back up the data, look at the backups, check them, and delete the old ones.", no_args_is_help=True
)


@backup.callback()
def _backup() -> None:
    """Back up the data, look at the backups, check them, and delete the old ones."""


backup.command()(create)
backup.command(hidden=True)(run)
