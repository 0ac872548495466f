"""`stockops backup list, show`: the backups of a storage. They change nothing."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from stock_ops.backup.cli.source import CopyOption, StorageOption, open_source
from stock_ops.backup.plans.catalog import COLUMNS, catalog, data, details, doubts, find, lines, row
from stock_ops.backup.plans.copies_told import copy_data, copy_line
from stock_ops.kit.backup_settings import BackupSettings, read_backup_settings, settings_of_copy
from stock_ops.kit.errors import OpsError, megabytes
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import Report
from stock_ops.kit.verbs import Data, Json, layout_of, run_verb
from stock_ops.local.facts.part import ask_part
from stock_ops.storage.facts.contents import read_contents
from stock_ops.storage.facts.place import open_storage


def list_backups(
    data: Data = None, storage: StorageOption = None, copy: CopyOption = None, as_json: Json = False
) -> None:
    """Show every backup: its size, how it was verified, and what is wrong with it; and the copies."""
    run_verb("backup list", as_json, lambda report: _list(layout_of(data), storage, copy, report))


def show(
    backup: Annotated[
        str | None, typer.Argument(help="Its id, as `list` shows it; else the newest.", show_default=False)
    ] = None,
    data: Data = None,
    storage: StorageOption = None,
    copy: CopyOption = None,
    as_json: Json = False,
) -> None:
    """Show one backup: what it holds, table by table, and what a restore of it needs."""
    run_verb("backup show", as_json, lambda report: _show(layout_of(data), storage, copy, backup, report))


def _list(layout: Layout, place: str | None, copy: str | None, report: Report) -> int:
    storage = open_source(layout, place, copy)
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
    copies = _copies(layout) if place is None and copy is None else []
    told += [("Copy", copy_line(one, datetime.now(UTC))) for one in copies]
    found = {
        "storage": storage.where,
        "copies": copies,
        "used_bytes": contents.used_bytes,
        "free_bytes": free,
        "backups": [data(entry) for entry in entries],
        "unfinished": unfinished,
        "findings": list(contents.archive.findings),
    }
    report.result("backup list", told, found)
    return 0


def _copies(layout: Layout) -> list[dict[str, Any]]:
    """As the part that keeps them tells of them; where it does not run, as they are found now."""
    if part := ask_part(layout):
        return list(part.get("copies", ()))
    settings = read_backup_settings(layout)
    return [_found_copy(layout, settings, one.name) for one in settings.copy]


def _found_copy(layout: Layout, settings: BackupSettings, name: str) -> dict[str, Any]:
    settings = settings_of_copy(settings, name)
    try:
        contents = read_contents(open_storage(layout, settings))
    except OpsError as error:
        return copy_data(name, settings.storage, None, trouble=error)
    return copy_data(name, settings.storage, contents)


def _show(layout: Layout, place: str | None, copy: str | None, backup: str | None, report: Report) -> int:
    entry = find(read_contents(open_source(layout, place, copy)), backup)
    found = data(entry)
    if entry.manifest:
        found |= details(entry.manifest)
        report.table(
            ("Table", "Rows", "Checksum"),
            [(one.table, f"{one.rows:,}", one.checksum) for one in entry.manifest.content],
        )
    report.result("backup show", lines(entry), found)
    return 0
