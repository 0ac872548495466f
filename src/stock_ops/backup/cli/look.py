"""`stockops backup list, show`: the backups of a storage. They change nothing."""

from typing import Annotated

import typer

from stock_ops.backup.cli.source import StorageOption, open_source
from stock_ops.backup.plans.catalog import COLUMNS, catalog, data, details, doubts, find, lines, row
from stock_ops.kit.errors import megabytes
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import Report
from stock_ops.kit.verbs import Data, Json, layout_of, run_verb
from stock_ops.storage.facts.contents import read_contents


def list_backups(data: Data = None, storage: StorageOption = None, as_json: Json = False) -> None:
    """Show every backup: its size, how it was verified, and what is wrong with it."""
    run_verb("backup list", as_json, lambda report: _list(layout_of(data), storage, report))


def show(
    backup: Annotated[
        str | None, typer.Argument(help="Its id, as `list` shows it; else the newest.", show_default=False)
    ] = None,
    data: Data = None,
    storage: StorageOption = None,
    as_json: Json = False,
) -> None:
    """Show one backup: what it holds, table by table, and what a restore of it needs."""
    run_verb("backup show", as_json, lambda report: _show(layout_of(data), storage, backup, report))


def _list(layout: Layout, place: str | None, report: Report) -> int:
    storage = open_source(layout, place)
    contents, free = read_contents(storage), storage.free_bytes()
    entries = catalog(contents)
    if entries:
        report.table(COLUMNS, [row(entry) for entry in entries])
    room = f", {megabytes(free)} free" if free is not None else ""
    told = [("Damaged", f"{entry.id}: {entry.flaw}") for entry in entries if entry.flaw]
    told += doubts(contents.archive)
    told.append(("Storage", f"{storage.where}: {megabytes(contents.used_bytes)} used{room}"))
    if not entries:
        told.append(("Backups", "none yet; make one with: stockops backup create"))
    unfinished = sorted(contents.unfinished)
    if unfinished:
        told.append(
            ("Unfinished", f"{', '.join(unfinished)}: being made, or cut off; the next backup removes it")
        )
    found = {
        "storage": storage.where,
        "used_bytes": contents.used_bytes,
        "free_bytes": free,
        "backups": [data(entry) for entry in entries],
        "unfinished": unfinished,
        "findings": list(contents.archive.findings),
    }
    report.result("backup list", told, found)
    return 0


def _show(layout: Layout, place: str | None, backup: str | None, report: Report) -> int:
    entry = find(read_contents(open_source(layout, place)), backup)
    found = data(entry)
    if entry.manifest:
        found |= details(entry.manifest)
        report.table(
            ("Table", "Rows", "Checksum"),
            [(one.table, f"{one.rows:,}", one.checksum) for one in entry.manifest.content],
        )
    report.result("backup show", lines(entry), found)
    return 0
