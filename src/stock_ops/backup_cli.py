"""The verbs of `stockops backup`."""

import typer

backup = typer.Typer(
    help="Back up the data, look at the backups, check them, and delete the old ones.", no_args_is_help=True
)


@backup.callback()
def _backup() -> None:
    """Back up the data, look at the backups, check them, and delete the old ones."""
