"""`stockops backup list, show, schedule`: what there is, and what comes. They change nothing."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from stock_ops.backup_cli.source import StorageOption, open_source
from stock_ops.errors import megabytes
from stock_ops.facts.archive import ask_part
from stock_ops.facts.backups import BackupSettings, read_backup_settings
from stock_ops.facts.drills import read_drills
from stock_ops.facts.repository import read_contents
from stock_ops.layout import Layout
from stock_ops.plans.catalog import COLUMNS, catalog, data, details, find, lines, row
from stock_ops.plans.due import find_due
from stock_ops.report import Report
from stock_ops.verbs import Data, Json, layout_of, run_verb


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


def schedule(data: Data = None, as_json: Json = False) -> None:
    """Show when the next backup and the next drill begin, and why then."""
    run_verb("backup schedule", as_json, lambda report: _schedule(layout_of(data), report))


def _list(layout: Layout, place: str | None, report: Report) -> int:
    storage = open_source(layout, place)
    contents, free = read_contents(storage), storage.free_bytes()
    entries = catalog(contents)
    if entries:
        report.table(COLUMNS, [row(entry) for entry in entries])
    room = f", {megabytes(free)} free" if free is not None else ""
    told = [("Damaged", f"{entry.id}: {entry.flaw}") for entry in entries if entry.flaw]
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


def _schedule(layout: Layout, report: Report) -> int:
    settings, part = read_backup_settings(layout), ask_part(layout)
    contents = read_contents(open_source(layout, None))
    due = find_due(catalog(contents), read_drills(layout), settings, datetime.now(UTC), part)
    rows = [(one.what, f"{one.at:%Y-%m-%d %H:%M}" if one.at else "-", one.why) for one in due]
    report.table(("Next", "At (UTC)", "Why"), rows)
    if not settings.enabled:
        runner = "nothing is made: enabled = false in backup.toml"
    elif part is None:
        runner = "the part `backup` makes them, and does not run: stockops up"
    else:
        runner = "the part `backup` makes them, and runs"
    told = [("Runs", runner), ("Retention", _retention(settings)), ("Settings", f"{layout.backup_settings}")]
    found = {
        "runs": part is not None,
        "due": [
            {"what": one.what, "at": one.at.isoformat() if one.at else None, "why": one.why} for one in due
        ],
        "settings": str(layout.backup_settings),
    }
    report.result("backup schedule", told, found)
    return 0


def _retention(settings: BackupSettings) -> str:
    return f"{settings.keep_days} days, and the last {settings.keep_full} full backups however old"
