"""`stockops backup schedule`: the next jobs. It changes nothing."""

from datetime import UTC, datetime

from stock_ops.backup.cli.source import open_source
from stock_ops.backup.plans.catalog import catalog
from stock_ops.drill.facts.drills import read_drills
from stock_ops.kit.backup_settings import BackupSettings, read_backup_settings
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import Report
from stock_ops.kit.verbs import Data, Json, layout_of, run_verb
from stock_ops.local.facts.part import ask_part
from stock_ops.storage.facts.contents import read_contents
from stock_ops.watch.plans.due import find_due


def schedule(data: Data = None, as_json: Json = False) -> None:
    """Show when the next backup and the next drill begin, and why then."""
    run_verb("backup schedule", as_json, lambda report: _schedule(layout_of(data), report))


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
