"""`stockops kept list, delete`: the old data that restores have replaced."""

from typing import Annotated

import typer

from stock_ops.kit.errors import FolderError, NotConfirmedError, UnfinishedRestoreError, megabytes
from stock_ops.kit.files import remove
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import Report
from stock_ops.kit.verbs import Data, Json, Yes, confirmed, layout_of, locked, run_verb
from stock_ops.local.facts.kept import read_kept
from stock_ops.local.facts.unfinished import is_putting_in_place


def list_kept(data: Data = None, as_json: Json = False) -> None:
    """Show the old data that restores have replaced."""
    run_verb("kept list", as_json, lambda report: _list(layout_of(data), report))


def delete(
    name: Annotated[str, typer.Argument(help="As `kept list` names it.")],
    data: Data = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete old data for good."""
    run_verb("kept delete", as_json, lambda report: _delete(layout_of(data), name, report, yes=yes))


def _list(layout: Layout, report: Report) -> int:
    found = read_kept(layout)
    if found:
        rows = [(one.name, megabytes(one.size_bytes), ", ".join(one.holds)) for one in found]
        report.table(("Kept", "Size", "Holds"), rows)
    said = f"{len(found)} in {layout.kept}" if found else "no restore has replaced anything"
    data = [{"name": one.name, "size_bytes": one.size_bytes, "holds": one.holds} for one in found]
    report.result("kept list", [("Kept", said)], {"kept": data})
    return 0


def _delete(layout: Layout, name: str, report: Report, *, yes: bool) -> int:
    found = next((one for one in read_kept(layout) if one.name == name), None)
    if found is None:
        raise FolderError(
            f"No restore has kept anything as {name}.", "`stockops kept list` names the old data."
        )
    if not confirmed(f"Delete {found.folder} ({megabytes(found.size_bytes)}) for good?", yes=yes):
        raise NotConfirmedError("deleting data")
    with locked(layout, "kept delete"):
        if is_putting_in_place(layout):
            raise UnfinishedRestoreError
        remove(found.folder)
    report.result("kept delete", [("Deleted", str(found.folder))], {"changed": True, "name": name})
    return 0
