"""A restore from the first look to the last word, or the rest of one that was cut off."""

from dataclasses import replace
from datetime import UTC, datetime

from stock_ops.kit.errors import LiveDataError, NotConfirmedError
from stock_ops.kit.layout import FORMAT, Layout
from stock_ops.kit.report import Report
from stock_ops.kit.verbs import backups_locked, confirmed, listed, locked
from stock_ops.local.facts.instance import Memory, Secrets
from stock_ops.local.facts.kept import read_kept
from stock_ops.local.facts.observe import Facts, observe
from stock_ops.local.facts.programs import postgresql_bin, valkey_server
from stock_ops.local.plans.refusals import installed, refuse_folder
from stock_ops.local.runners.run import run_steps
from stock_ops.restore.cli.outlook import outlook_of
from stock_ops.restore.cli.source import Source, Wish, look
from stock_ops.restore.cli.telling import hint, question, tell, way_back
from stock_ops.restore.facts.progress import Progress, boot_of_machine, cluster_folder, observe_works
from stock_ops.restore.plans.fitness import plan_preparations, refuse_live, refuse_target
from stock_ops.restore.plans.recovery import left_behind
from stock_ops.restore.plans.steps import Step, plan_place, plan_restore, resumable
from stock_ops.restore.runners.fetch import Workshop
from stock_ops.restore.runners.restore import Job, run_restore
from stock_ops.restore.runners.scratch import Place


def bring_back(layout: Layout, wish: Wish, report: Report, *, dry_run: bool, yes: bool) -> int:
    """Begin the restore, or go on with one that was cut off."""
    works = observe_works(layout.restore, layout.postgresql)
    if rest := plan_place(works):
        return _finish(layout, rest, report, dry_run=dry_run, yes=yes)
    facts = observe(layout, port=None)
    refuse_target(facts)
    if not dry_run:
        refuse_live(facts)
    source = look(layout, facts, wish)
    wanted = _progress(layout, source, wish)
    steps = plan_restore(wanted, works)
    if dry_run:
        planned = [*_first(facts), *listed([*plan_preparations(facts), *steps])]
        report.plan("restore", planned, outlook_of(layout, facts, source, wish))
        return 0
    going_on = resumable(wanted, works) is not None
    if not confirmed(question(layout, source, going_on=going_on), yes=yes):
        raise NotConfirmedError("a restore")
    with locked(layout, "restore"):
        facts = observe(layout, port=None)
        refuse_live(facts)
        run_steps(plan_preparations(facts), facts, report, undo=False)
        with backups_locked(layout, "restore", report):
            works = observe_works(layout.restore, layout.postgresql)
            progress = resumable(wanted, works) or wanted
            job = _job(layout, facts, source, progress)
            run_restore(plan_restore(wanted, works), job, report)
    tell(layout, replace(progress, armed=tuple(job.armed)), report, hint(layout, source, wish))
    return 0


def _first(facts: Facts) -> list[tuple[str, str]]:
    """The operator's step before that; a restore itself stops nothing."""
    try:
        refuse_live(facts)
    except LiveDataError:
        return [("Before that", "stop the platform: stockops down")]
    return []


def _finish(layout: Layout, rest: tuple[Step, ...], report: Report, *, dry_run: bool, yes: bool) -> int:
    """End a restore that was cut off while it put its data in place, whatever was asked for now."""
    if dry_run:
        report.plan("restore", listed(rest))
        return 0
    if not confirmed("Finish the restore that was cut off at its last step?", yes=yes):
        raise NotConfirmedError("a restore")
    with locked(layout, "restore"):
        facts = observe(layout, port=None)
        refuse_folder(facts)
        refuse_live(facts)
        works = observe_works(layout.restore, layout.postgresql)
        job = Job(layout, None, None, None, _memory(facts))
        run_restore(plan_place(works), job, report)
    if isinstance(works.progress, Progress):
        tell(layout, replace(works.progress, armed=tuple(job.armed)), report, [])
    return 0


def _progress(layout: Layout, source: Source, wish: Wish) -> Progress:
    choice, left = source.choice, left_behind(source.archive, source.choice, datetime.now(UTC))
    return Progress(
        asked=f"{wish.request} {source.storage.where} {choice.backup.id}",
        chain=tuple(backup.id for backup in choice.chain),
        timeline=choice.timeline,
        target=choice.target,
        wal=choice.wal,
        gap=str(choice.gap or ""),
        boot=boot_of_machine(),
        keep=_free_name(layout),
        streams=choice.backup.valkey_keys > 0,
        end_is_target=choice.end_is_target,
        back=way_back(layout, wish, left) if left else "",
    )


def _free_name(layout: Layout) -> str:
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    taken = {one.name for one in read_kept(layout)}
    return next(
        free for free in (name, *(f"{name}-{number}" for number in range(1, 1000))) if free not in taken
    )


def _job(layout: Layout, facts: Facts, source: Source, progress: Progress) -> Job:
    programs = installed(facts.programs)
    place = Place(
        cluster_folder(layout.restore),
        layout.restore,
        facts.programs,
        postgresql_bin(facts.package(programs.postgresql)),
        facts.service,
    )
    by_id = {backup.id: backup for backup in source.archive.backups}
    chain = tuple(by_id[name] for name in progress.chain)
    shop = Workshop(source.storage, source.identity, chain, source.archive.histories, place)
    valkey = valkey_server(facts.package(programs.valkey))
    secrets = facts.secrets if isinstance(facts.secrets, Secrets) else None
    return Job(layout, shop, valkey, secrets, _memory(facts))


def _memory(facts: Facts) -> Memory:
    """The sample data count as imported: nothing is added to the restored data."""
    return Memory(FORMAT, {}, facts.fingerprints.sample, None)
