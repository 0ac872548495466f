"""The verb restore."""

import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from stock_ops.kit.backup_settings import BackupSettings, read_backup_settings
from stock_ops.kit.errors import (
    LiveDataError,
    NotConfirmedError,
    megabytes,
)
from stock_ops.kit.layout import FORMAT, Layout
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
    locked,
    run_verb,
)
from stock_ops.local.facts.instance import Memory, Secrets
from stock_ops.local.facts.kept import read_kept
from stock_ops.local.facts.observe import Facts, observe
from stock_ops.local.facts.programs import postgresql_bin, valkey_server
from stock_ops.local.plans.refusals import installed, refuse_folder
from stock_ops.local.runners.run import run_steps
from stock_ops.restore.facts.fitness import observe_here
from stock_ops.restore.facts.progress import Progress, boot_of_machine, cluster_folder, observe_works
from stock_ops.restore.plans.fitness import (
    plan_preparations,
    refuse_live,
    refuse_storage,
    refuse_target,
    refuse_unfit,
)
from stock_ops.restore.plans.recovery import Choice, Request, choose, left_behind
from stock_ops.restore.plans.steps import Step, plan_place, plan_restore, resumable
from stock_ops.restore.runners.commits import find_passage, reader
from stock_ops.restore.runners.fetch import Workshop
from stock_ops.restore.runners.restore import Job, run_restore
from stock_ops.restore.runners.scratch import Place
from stock_ops.storage.facts.archive import Archive
from stock_ops.storage.facts.contents import read_archive
from stock_ops.storage.facts.place import absolute, open_storage
from stock_ops.storage.keys import WrongKeyError, read_identity, recipient_of
from stock_ops.storage.owner import read_owner
from stock_ops.storage.storage import Storage


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator typed."""

    request: Request
    storage: str | None
    key_file: Path | None


@dataclass(frozen=True, slots=True)
class Source:
    """A storage that was looked at, and what was chosen in it."""

    storage: Storage
    settings: BackupSettings
    """Those of the data folder, which may name another storage for the backups to come."""
    identity: str
    archive: Archive
    choice: Choice


def restore(
    data: Data = None,
    time: Annotated[
        str | None, typer.Option(help='To this time: "2026-11-25 03:10:00", UTC unless it names a zone.')
    ] = None,
    mark: Annotated[str | None, typer.Option(help="To this mark (stockops backup mark).")] = None,
    backup: Annotated[
        str | None, typer.Option(help="From this backup; alone: to the point that it was taken for.")
    ] = None,
    latest: Annotated[bool, typer.Option("--latest", help="With --backup: and everything after it.")] = False,
    timeline: Annotated[
        int | None, typer.Option(min=1, help="Along this timeline, which an earlier restore may have left.")
    ] = None,
    storage: Annotated[
        str | None, typer.Option(help="Folder or s3://bucket/prefix; else the one in backup.toml.")
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(readable=False, help="Private key that opens the backups; else the one in backup.toml."),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Bring the data back: to the latest point, a time, a mark or a backup. What is in place is kept."""
    if sum((time is not None, mark is not None, latest)) > 1:
        raise typer.BadParameter("name one of them only", param_hint="--time, --mark, --latest")
    request = Request(_moment(time), mark, backup, latest, timeline)
    wish = Wish(request, storage, key_file)
    run_verb(
        "restore", as_json, lambda report: bring_back(layout_of(data), wish, report, dry_run=dry_run, yes=yes)
    )


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f'{text!r} is no time; write "2026-11-25 03:10:00"', param_hint="--time"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def bring_back(layout: Layout, wish: Wish, report: Report, *, dry_run: bool, yes: bool) -> int:
    """Restore what the operator wishes, or go on with a restore that was cut off."""
    works = observe_works(layout.restore, layout.postgresql)
    if rest := plan_place(works):
        return _finish(layout, rest, report, dry_run=dry_run, yes=yes)
    facts = observe(layout, port=None)
    refuse_target(facts)
    if not dry_run:
        refuse_live(facts)
    source = _look(layout, facts, wish)
    wanted = _progress(layout, source, wish)
    steps = plan_restore(wanted, works)
    if dry_run:
        report.plan("restore", [*_first(facts), *listed([*plan_preparations(facts), *steps])])
        return 0
    going_on = resumable(wanted, works) is not None
    if not confirmed(_question(layout, source.choice, going_on=going_on), yes=yes):
        raise NotConfirmedError("a restore")
    with locked(layout, "restore"):
        facts = observe(layout, port=None)
        refuse_live(facts)
        run_steps(plan_preparations(facts), facts, report, undo=False)
        with backups_locked(layout, "restore", report):
            works = observe_works(layout.restore, layout.postgresql)
            progress = resumable(wanted, works) or wanted
            run_restore(plan_restore(wanted, works), _job(layout, facts, source, progress), report)
    _tell(layout, progress, report, _hint(layout, source, wish))
    return 0


def _first(facts: Facts) -> list[tuple[str, str]]:
    """What the operator does before; a restore itself stops nothing."""
    try:
        refuse_live(facts)
    except LiveDataError:
        return [("Before that", "what works on the data is stopped: stockops down")]
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
        run_restore(plan_place(works), Job(layout, None, None, None, _memory(facts)), report)
    if isinstance(works.progress, Progress):
        _tell(layout, works.progress, report, [])
    return 0


def _look(layout: Layout, facts: Facts, wish: Wish) -> Source:
    """Look at the storage and choose. What stands in the way is said before anything is touched."""
    settings, place = read_backup_settings(layout), wish.storage
    storage = open_storage(layout, replace(settings, storage=absolute(place)) if place else settings)
    identity = read_identity(wish.key_file or settings.key_file)
    owner = read_owner(storage)
    if owner and owner.recipient != recipient_of(identity):
        raise WrongKeyError
    archive = read_archive(storage, identity)
    here = observe_here(layout, installed(facts.programs).postgresql.package, facts.folder.free_bytes)
    refuse_storage(archive, here)
    now = datetime.now(UTC)
    archive = _with_commits(facts, storage, identity, archive, wish.request, now)
    choice = choose(archive, wish.request, now)
    refuse_unfit(choice, here, facts)
    return Source(storage, settings, identity, archive, choice)


def _with_commits(
    facts: Facts, storage: Storage, identity: str, archive: Archive, request: Request, now: datetime
) -> Archive:
    """Which times are possible is told by the log itself."""
    if request.time is None or not archive.backups:
        return archive
    binaries = postgresql_bin(installed(facts.programs).postgresql.package)
    place = Place(facts.layout.postgresql, facts.layout.root, facts.programs, binaries, None)
    shop = Workshop(storage, identity, archive.backups[-1:], archive.histories, place)
    with reader(shop) as read:
        return find_passage(archive, request, request.time, now, read)


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
        back=_way_back(layout, wish, left) if left else "",
    )


def _way_back(layout: Layout, wish: Wish, timeline: int) -> str:
    """What to type for the end of a timeline, from where this restore takes its data."""
    words = ["restore", "--timeline", str(timeline)]
    words += ["--storage", absolute(wish.storage)] if wish.storage else []
    words += ["--key-file", str(wish.key_file.absolute())] if wish.key_file else []
    return _command(layout, *words)


def _command(layout: Layout, *words: str) -> str:
    """What to type, for a shell, so that it means this data folder."""
    return shlex.join(["stockops", *words, "--data", str(layout.root)])


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
    """The sample data count as imported: what came back is what was backed up, and nothing is added to it."""
    return Memory(FORMAT, {}, facts.fingerprints.sample, None)


def _question(layout: Layout, choice: Choice, *, going_on: bool) -> str:
    begin = "Go on with the restore of" if going_on else "Restore"
    size = megabytes(sum(part.plain_bytes for backup in choice.chain if (part := backup.part("base"))))
    present = " The data that are there are kept." if layout.postgresql.exists() else ""
    return f"{begin} {choice.backup.id} ({size}), to the {choice.target}, into {layout.root}?{present}"


def _hint(layout: Layout, source: Source, wish: Wish) -> list[tuple[str, str]]:
    """Where the next backups go, if not to where these came from, or by another key."""
    settings, here = source.settings, source.storage.where
    if wish.key_file in (None, settings.key_file) and settings.storage.rstrip("/") == here:
        return []
    return [
        (
            "Backups",
            f"will go to {settings.storage}, for the key {settings.key_file}; "
            f"to go on in {here}, name both in {layout.backup_settings} before the start",
        )
    ]


def _tell(layout: Layout, progress: Progress, report: Report, hint: list[tuple[str, str]]) -> None:
    folder = layout.kept / progress.keep
    held = folder.exists()
    lines = [("Restored", f"{progress.chain[-1]}, to the {progress.target}")]
    if progress.gap:
        lines.append(("Gap", f"the log is missing from {progress.gap}; nothing after that came back"))
    if held:
        delete = _command(layout, "kept", "delete", progress.keep)
        lines.append(("Old data", f"{folder}  (delete them with: {delete})"))
    if progress.back:
        lines.append(("Back", f"to the last moment in the storage: {progress.back}"))
    lines += hint
    lines.append(("Next", _command(layout, "up")))
    data: dict[str, Any] = {
        "changed": True,
        "backup": progress.chain[-1],
        "target": str(progress.target),
        "timeline": progress.timeline,
        "kept": str(folder) if held else None,
        "back": progress.back or None,
    }
    report.result("restore", lines, data)
