"""`stockops backup verify`: backups read back from the storage and compared with their manifests."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from stock_ops.backup.cli.source import CopyOption, KeyOption, StorageOption, open_source, read_key
from stock_ops.backup.plans.catalog import catalog, doubts, find
from stock_ops.backup.runners.verify import REPLACE, verify_entries
from stock_ops.kit.layout import Layout
from stock_ops.kit.priority import give_way, lead_session
from stock_ops.kit.report import Report
from stock_ops.kit.signals import signals_interrupt
from stock_ops.kit.verbs import Data, Json, backups_locked, layout_of, locked, run_verb
from stock_ops.storage.facts.contents import read_contents


def verify(
    backup: Annotated[
        str | None, typer.Argument(help="Its id, as `list` shows it; else the newest.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All backups.")] = False,
    data: Data = None,
    storage: StorageOption = None,
    copy: CopyOption = None,
    key_file: KeyOption = None,
    as_json: Json = False,
) -> None:
    """Read a backup to its last byte, with those it builds on and the log it needs. Needs the private key."""
    if every and backup is not None:
        raise typer.BadParameter("name a backup, or --all", param_hint="BACKUP")
    run_verb(
        "backup verify",
        as_json,
        lambda report: _verify(layout_of(data), storage, copy, key_file, backup, report, every=every),
    )


def _verify(
    layout: Layout,
    place: str | None,
    copy: str | None,
    key_file: Path | None,
    backup: str | None,
    report: Report,
    *,
    every: bool,
) -> int:
    lead_session()
    give_way()
    storage, identity = open_source(layout, place, copy, key_file), read_key(layout, key_file)
    with _alone(layout, copy, report):
        contents = read_contents(storage)
        entry = find(contents, backup)
        flaws = verify_entries(storage, catalog(contents) if every else (entry,), identity, report)
    archive = contents.archive
    damaged = {name: flaw for name, flaw in flaws.items() if flaw}
    changed = [*archive.findings, *([archive.lost_end] if archive.lost_end else [])]
    lines = [*damaged.items(), *doubts(archive)]
    if changed and not damaged:
        lines.append(("To do", "Somebody else changed the storage: stockops runbook backup-forged"))
    if damaged:
        lines += [("Verify", f"{len(damaged)} of {len(flaws)} damaged"), ("To do", REPLACE)]
    else:
        lines += [("Verify", f"whole: {', '.join(flaws)}")]
    found = {
        "ok": not damaged and not changed,
        "findings": changed,
        "whole": [name for name in flaws if name not in damaged],
        "damaged": [{"backup": name, "why": why} for name, why in damaged.items()],
    }
    report.result("backup verify", lines, found)
    return 1 if damaged or changed else 0


@contextlib.contextmanager
def _alone(layout: Layout, copy: str | None, report: Report) -> Iterator[None]:
    """Alone on the storage; on a machine that makes no backups there is no lock to take."""
    if not layout.backup.is_dir():
        yield
        return
    if copy is not None:  # the first storage's backups go on meanwhile
        with locked(layout, "backup verify", layout.copy_lock(copy), patience_s=60.0), signals_interrupt():
            yield
        return
    with backups_locked(layout, "backup verify", report), signals_interrupt():
        yield
