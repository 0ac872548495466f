"""`stockops secrets init, show-names`."""

from pathlib import Path
from typing import Annotated

import typer

from stock_ops.kit.errors import FolderError
from stock_ops.kit.report import Report
from stock_ops.kit.secret_folder import fill, group_of
from stock_ops.kit.secret_names import SECRET_NAMES
from stock_ops.kit.verbs import Json, run_verb


def init(
    folder: Annotated[Path, typer.Option(help="Folder of the secrets of compose, STOCK_SECRETS.")],
    as_json: Json = False,
) -> None:
    """Draw the secrets that are not there yet, at random, a file each. None is printed."""
    run_verb("secrets init", as_json, lambda report: _init(folder.expanduser().resolve(), report))


def show_names(as_json: Json = False) -> None:
    """Show which secrets there are, and what each is for. Never a value."""
    run_verb("secrets show-names", as_json, _show_names)


def _init(folder: Path, report: Report) -> int:
    try:
        drawn = fill(folder)
    except OSError as error:
        raise FolderError(
            f"{error.filename or folder}: {error.strerror}.", "Choose a folder that you may write to."
        ) from error
    group = group_of(folder)
    said = ", ".join(drawn) if drawn else "no changes: all are there"
    lines = [("Drawn", said), ("Secrets", f"STOCK_SECRETS={folder}"), ("Group", f"STOCK_SECRETS_GID={group}")]
    data = {"changed": bool(drawn), "drawn": list(drawn), "folder": str(folder), "group": group}
    report.result("secrets init", lines, data)
    return 0


def _show_names(report: Report) -> int:
    report.table(("NAME", "FOR"), [(one.name, one.about) for one in SECRET_NAMES])
    names = [{"name": one.name, "about": one.about} for one in SECRET_NAMES]
    report.result("secrets show-names", [], {"names": names})
    return 0
