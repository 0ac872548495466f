"""The verb drill: a rehearsed restore beside the live data, or one that damages copies and must notice."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from stock_ops.backup.cli.source import CopyOption, source_settings
from stock_ops.drill.plans.journal import (
    AFTER,
    BEFORE,
    CHECKS,
    RESTORE,
    Check,
    Journal,
    dump_journal,
    summary,
)
from stock_ops.drill.plans.picture import spelled
from stock_ops.drill.runners.drill import Result, Wish, rehearse, run_drill
from stock_ops.drill.runners.sabotage import sabotage as damage_copies
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.errors import OpsError, PartError, StoppedByUserError
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import Report
from stock_ops.kit.verbs import Data, DryRun, Json, backups_locked, layout_of, run_verb

NOT_RUN = 4
"""Exit code of a drill that could not begin: it has neither passed nor failed."""


def drill(
    data: Data = None,
    sabotage: Annotated[
        bool, typer.Option("--sabotage", help="Damage copies, and pass only if every damage is found.")
    ] = False,
    scratch: Annotated[
        Path | None, typer.Option(help="Folder that takes the scratch instance; else the data folder.")
    ] = None,
    storage: Annotated[
        str | None, typer.Option(help="Folder or s3://bucket/prefix; else the one in backup.toml.")
    ] = None,
    copy: CopyOption = None,
    key_file: Annotated[
        Path | None, typer.Option(help="Private key that opens the backups; else the one in backup.toml.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Restore the newest backup beside the live data, and see whether all of it comes back."""

    def run(report: Report) -> int:
        layout = layout_of(data)
        if dry_run:
            report.plan("drill", list(_planned(sabotage=sabotage)))
            return 0
        settings = _settings(layout, storage, copy, key_file)
        return _drill(
            layout, Wish(settings, scratch.resolve() if scratch else None), report, sabotage=sabotage
        )

    run_verb("drill", as_json, run)


def _planned(*, sabotage: bool) -> Iterator[tuple[str, str]]:
    if not sabotage:
        yield from ((check.label, check.title) for check in CHECKS)
        return
    yield from ((check.label, check.title) for check in (*BEFORE, *RESTORE))
    yield "Damages", "Each kind of damage that this storage allows, one at a time"
    yield from ((check.label, check.title) for check in AFTER)


def _settings(layout: Layout, storage: str | None, copy: str | None, key_file: Path | None) -> BackupSettings:
    settings = source_settings(layout, storage, copy)
    return replace(settings, key_file=key_file.resolve()) if key_file else settings


def _drill(layout: Layout, wish: Wish, report: Report, *, sabotage: bool) -> int:
    if not layout.backup.is_dir():
        raise PartError(f"{layout.root} was never started.", "Start it with: stockops up")
    method = damage_copies if sabotage else rehearse
    with backups_locked(layout, "drill", report):
        result = run_drill(layout, wish, method, report, sabotage=sabotage)
    report.result("drill", list(_lines(result)), _data(result))
    return _exit_code(result)


def _exit_code(result: Result) -> int:
    if result.journal.outcome == "passed":
        return 0
    if result.interrupted:
        return StoppedByUserError.exit_code
    return OpsError.exit_code if result.journal.outcome == "failed" else NOT_RUN


def _lines(result: Result) -> Iterator[tuple[str, str]]:
    journal = result.journal
    yield "Drill", summary(journal)
    for check in _failed(journal):
        yield check.label, check.found
        yield "To do", check.todo
    if journal.obstacle and journal.todo:
        yield "To do", journal.todo
    times = journal.times
    if not journal.sabotage and times.rpo_s is not None:
        yield "RPO", f"{spelled(times.rpo_s)} of changes would be lost"
    if not journal.sabotage and times.rto_s is not None:
        yield "RTO", f"{spelled(times.rto_s)} until the first correct chart"
    if journal.backup:
        yield "Backup", journal.backup
    yield "Report", str(result.report)


def _failed(journal: Journal) -> list[Check]:
    return [check for check in journal.checks if check.outcome == "failed"]


def _data(result: Result) -> dict[str, Any]:
    """The journal; and the error, where it did not pass, as every verb tells it."""
    body: dict[str, Any] = json.loads(dump_journal(result.journal))
    passed = result.journal.outcome == "passed"
    told = {"ok": passed, **body, "report": str(result.report)}
    return told if passed else {**told, "error": _error(result)}


def _error(result: Result) -> dict[str, Any]:
    journal, failed = result.journal, _failed(result.journal)
    why, todo = (failed[0].found, failed[0].todo) if failed else (journal.obstacle, journal.todo)
    kind = "DrillFailed" if journal.outcome == "failed" else "DrillNotRun"
    return {"kind": kind, "why": why or summary(journal), "todo": todo, "exit_code": _exit_code(result)}
