"""`stockops backup prune`: delete what the settings do not keep any more."""

from dataclasses import asdict
from typing import Any

from stock_ops.archive.runners.lease import refuse_unless_held
from stock_ops.backup.facts.retention import RetentionFacts, observe_retention
from stock_ops.backup.plans.prune import PrunePlan, plan_prune
from stock_ops.backup.runners.leftovers import sweep
from stock_ops.backup.runners.prune import run_prune
from stock_ops.kit.backup_settings import BackupSettings, read_backup_settings
from stock_ops.kit.errors import ChangedMeanwhileError, NotConfirmedError, megabytes
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import Report
from stock_ops.kit.verbs import (
    Data,
    DryRun,
    Json,
    Yes,
    backups_locked,
    confirmed,
    layout_of,
    listed,
    run_verb,
)
from stock_ops.storage.authentic import innermost
from stock_ops.storage.known import remember
from stock_ops.storage.ledger import add_entry
from stock_ops.storage.objects import manifest_of
from stock_ops.storage.s3 import S3Storage


def prune(data: Data = None, dry_run: DryRun = False, yes: Yes = False, as_json: Json = False) -> None:
    """Delete old backups, and the log that only they need. The last verified one always stays."""
    run_verb(
        "backup prune", as_json, lambda report: _prune(layout_of(data), report, dry_run=dry_run, yes=yes)
    )


def _prune(layout: Layout, report: Report, *, dry_run: bool, yes: bool) -> int:
    settings = read_backup_settings(layout)
    agreed: frozenset[str] | None = None
    if dry_run or not yes:
        plan, _ = _plan(layout, settings)
        if dry_run:
            return _show(plan, report)
        if plan.steps and not confirmed(_question(plan), yes=False):
            raise NotConfirmedError("a prune")
        agreed = frozenset(plan.names)
    with backups_locked(layout, "backup prune", report):
        plan, facts = _plan(layout, settings)
        refuse_unless_held(layout, facts.storage)
        _refuse_more(plan, agreed)
        if plan.steps:
            remember(layout, facts.storage, add_entry(facts.storage, retire=plan.going))
        locked = run_prune(plan.steps, facts.storage, report)
        swept = sweep(facts.storage)
    report.result("backup prune", _lines(plan, facts, swept, locked), _data(plan, swept, locked))
    return 0


def _plan(layout: Layout, settings: BackupSettings) -> tuple[PrunePlan, RetentionFacts]:
    facts = observe_retention(layout, settings)
    return plan_prune(facts), facts


def _show(plan: PrunePlan, report: Report) -> int:
    """The deletions; for people also the backups that stay, and why."""
    report.table(("Stays", "Because"), list(plan.retention.kept.items()))
    report.plan("backup prune", listed(plan.steps))
    if notes := _notes(plan):
        report.table(("But", ""), notes)
    return 0


def _question(plan: PrunePlan) -> str:
    what = [f"{len(plan.going)} backups ({', '.join(plan.going)})"] if plan.going else []
    what += [f"{step.title.lower()}: {step.detail}" for step in plan.steps if step.title != "Backup"]
    return f"Delete for good: {'; '.join(what)}? That frees {megabytes(plan.freed_bytes)}."


def _refuse_more(plan: PrunePlan, agreed: frozenset[str] | None) -> None:
    """Changes since the question was answered must not widen the answer."""
    if agreed is not None and not agreed.issuperset(plan.names):
        raise ChangedMeanwhileError("a prune")


def _lines(
    plan: PrunePlan, facts: RetentionFacts, swept: int, locked: tuple[str, ...]
) -> list[tuple[str, str]]:
    freed = sum(one.size_bytes for one in facts.contents.objects if one.name in set(plan.names) - set(locked))
    done = f"{len(plan.names) - len(locked)} objects deleted, {megabytes(freed)} freed"
    left = facts.contents.used_bytes - freed
    gone = [backup for backup in plan.going if manifest_of(backup) not in locked]
    kept = len(plan.retention.kept) + len(plan.going) - len(gone)
    lines = [
        ("Prune", done if plan.steps else "no changes: everything is kept"),
        ("Deleted", ", ".join(gone) or "no backup"),
        ("Kept", f"{kept} backups, {megabytes(left)} in {facts.storage.where}"),
    ]
    if locked:
        lines.append(
            (
                "Locked",
                f"{len(locked)} objects, because the storage's object lock keeps them ({locked[0]}); "
                "nothing to do: they go with the first prune after their retention",
            )
        )
    if isinstance(inner := innermost(facts.storage), S3Storage) and inner.keeps_versions:
        lines.append(
            (
                "Versions",
                "the bucket keeps what was deleted as old versions; a lifecycle rule "
                "(NoncurrentVersionExpiration) frees their room",
            )
        )
    if swept:
        lines.append(("Clean up", f"{swept} unfinished files of writers that were killed"))
    return lines + _notes(plan)


def _notes(plan: PrunePlan) -> list[tuple[str, str]]:
    damaged, refusal = plan.retention.damaged, plan.retention.refusal
    lines = [("Damaged", f"{name}: {why}") for name, why in damaged.items() if name in plan.retention.kept]
    if plan.hint:
        lines.append(("Log", plan.hint))
    if refusal:
        lines += [("Warning", refusal.why), ("To do", refusal.todo)]
    return lines


def _data(plan: PrunePlan, swept: int, locked: tuple[str, ...]) -> dict[str, Any]:
    refusal = plan.retention.refusal
    return {
        "changed": len(plan.names) > len(locked) or swept > 0,
        "deleted": [backup for backup in plan.going if manifest_of(backup) not in locked],
        "locked": list(locked),
        "kept": [{"backup": name, "why": why} for name, why in plan.retention.kept.items()],
        "damaged": [{"backup": name, "why": why} for name, why in plan.retention.damaged.items()],
        "objects": len(plan.names) - len(locked),
        "freed_bytes": plan.freed_bytes,
        "swept": swept,
        "log_stays": plan.hint,
        "warnings": [asdict(refusal)] if refusal else [],
    }
