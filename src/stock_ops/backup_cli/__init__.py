"""The verbs of `stockops backup`, each group in a file of its own."""

import typer

from stock_ops.backup_cli.create import create, mark
from stock_ops.backup_cli.look import list_backups, schedule, show
from stock_ops.backup_cli.prune import prune
from stock_ops.backup_cli.run import run
from stock_ops.backup_cli.verify import verify

backup = typer.Typer(
    help="Back up the data, look at the backups, check them, and delete the old ones.", no_args_is_help=True
)


@backup.callback()
def _backup() -> None:
    """Back up the data, look at the backups, check them, and delete the old ones."""


backup.command()(create)
backup.command("list")(list_backups)
backup.command()(show)
backup.command()(verify)
backup.command()(prune)
backup.command()(schedule)
backup.command()(mark)
backup.command(hidden=True)(run)
