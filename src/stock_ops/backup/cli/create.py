"""`stockops backup create`: make a backup, and `mark`: name the present moment."""

from dataclasses import replace
from typing import Annotated, Any

import typer

from stock_ops.archive.runners.lease import refuse_unless_held
from stock_ops.backup.facts.creation import CreationFacts, observe_creation
from stock_ops.backup.plans.creation import BackupPlan, plan_backup, refuse_without_archive
from stock_ops.backup.runners.create import Made, make_backup
from stock_ops.backup.runners.name_mark import name_moment
from stock_ops.kit.backup_settings import read_backup_settings
from stock_ops.kit.errors import megabytes
from stock_ops.kit.layout import Layout
from stock_ops.kit.priority import lead_session
from stock_ops.kit.report import Report
from stock_ops.kit.verbs import Data, DryRun, Json, backups_locked, layout_of, listed, run_verb
from stock_ops.kit.verdict import judge
from stock_ops.storage.known import remember
from stock_ops.storage.ledger import add_entry
from stock_ops.storage.marks import LONGEST_NAME, is_mark_name
from stock_ops.storage.owner import claim


def create(
    data: Data = None,
    full: Annotated[bool, typer.Option("--full", help="Always a full backup.")] = False,
    dump: Annotated[
        bool, typer.Option("--dump", help="With a logical dump, whatever backup.toml says.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Make a backup: an incremental one where that is possible, else a full one."""
    run_verb(
        "backup create",
        as_json,
        lambda report: _create(layout_of(data), report, full=full, dump=dump, dry_run=dry_run),
    )


def mark(
    name: Annotated[str, typer.Argument(help="Letters, digits, dots, dashes; as in before-release-2.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Name the present moment; `stockops restore --mark NAME` comes back to it."""
    if not is_mark_name(name):
        raise typer.BadParameter(_BAD_NAME.format(name=name), param_hint="NAME")
    run_verb("backup mark", as_json, lambda report: _mark(layout_of(data), name, report))


_BAD_NAME = (
    "{name!r} cannot name a mark: letters, digits, dots, dashes and underscores, at most "
    f"{LONGEST_NAME}, beginning with a letter or digit, and not with backup-"
)


def _create(layout: Layout, report: Report, *, full: bool, dump: bool, dry_run: bool) -> int:
    if dry_run:
        report.plan("backup create", listed(_plan(layout, full=full, dump=dump)[0].steps))
        return 0
    lead_session()
    with backups_locked(layout, "backup create", report):
        plan, facts = _plan(layout, full=full, dump=dump)
        made = make_backup(plan, facts, report, gives_way=True)
    report.result("backup create", _lines(facts, made), _data(plan, made))
    return 0


def _mark(layout: Layout, name: str, report: Report) -> int:
    facts = observe_creation(layout, read_backup_settings(layout))
    refuse_without_archive(facts)
    claim(facts.storage, facts.server.system_identifier, facts.recipient)
    refuse_unless_held(layout, facts.storage)
    with report.step("Mark", name, quiet=False):
        found = name_moment(facts.storage, facts.address, name)
        remember(layout, facts.storage, add_entry(facts.storage))
    lines = [
        ("Mark", f"{name}, {found.at:%Y-%m-%d %H:%M:%S} UTC at {found.lsn}; in the storage within seconds"),
        ("Restore", f"stockops restore --mark {name}"),
    ]
    told = {"lsn": found.lsn, "timeline": found.timeline, "at": found.at.isoformat()}
    report.result("backup mark", lines, {"changed": True, "mark": name, **told})
    return 0


def _plan(layout: Layout, *, full: bool, dump: bool) -> tuple[BackupPlan, CreationFacts]:
    settings = read_backup_settings(layout)
    facts = observe_creation(layout, replace(settings, dump="always") if dump else settings)
    return plan_backup(facts, full=full), facts


def _lines(facts: CreationFacts, made: Made) -> list[tuple[str, str]]:
    manifest = made.manifest
    lines = [
        ("Backup", f"{manifest.id} in {facts.storage.where}"),
        (
            "Size",
            f"{megabytes(manifest.stored_bytes)}, {manifest.rows:,} rows in {len(manifest.content)} tables",
        ),
        (
            "Mark",
            f"{manifest.mark.at:%Y-%m-%d %H:%M:%S}Z; writers were held off {made.held_off_s * 1000:.0f} ms",
        ),
    ]
    if made.cache_flaw:
        lines.append(("Warning", f"nothing of Valkey is in it: {made.cache_flaw.why}"))
    lines += judge(made.findings).lines()[1:]
    return [*lines, ("Check it", f"stockops backup verify {manifest.id}")]


def _data(plan: BackupPlan, made: Made) -> dict[str, Any]:
    manifest = made.manifest
    return {
        "changed": True,
        "backup": manifest.id,
        "kind": manifest.kind,
        "parent": manifest.parent,
        "why": plan.choice.why,
        "mark_at": manifest.mark.at.isoformat(),
        "stored_bytes": manifest.stored_bytes,
        "rows": manifest.rows,
        "duration_s": manifest.duration_s,
        "held_off_s": round(made.held_off_s, 4),
        "valkey_keys": manifest.valkey_keys if manifest.part("valkey") else None,
        "findings": judge(made.findings).body()["findings"],
        "valkey_flaw": made.cache_flaw.why if made.cache_flaw else None,
    }
