"""Reasons not to restore: each is checked before anything is touched, and names the alternative. Pure."""

from stock_ops.kit.errors import (
    CorruptFileError,
    DamagedBackupError,
    DiskFullError,
    FolderError,
    ForeignStorageError,
    LiveDataError,
    UnfitError,
)
from stock_ops.kit.layout import POSTGRES_MAJOR
from stock_ops.kit.typed import command
from stock_ops.kit.wanted import NewFolder
from stock_ops.local.facts.instance import Cluster, Unreadable
from stock_ops.local.facts.observe import Facts
from stock_ops.local.plans.refusals import installed, refuse_folder, refuse_newer, refuse_service
from stock_ops.local.plans.steps import CopyProgram, MakeFolders
from stock_ops.restore.facts.fitness import Here
from stock_ops.restore.plans.recovery import Choice
from stock_ops.storage.facts.archive import Archive


def refuse_target(facts: Facts) -> None:
    """Raise OpsError when nothing can be restored into the data folder; `refuse_live`: while it is in use."""
    refuse_folder(facts)
    refuse_newer(facts)
    refuse_service(facts)
    installed(facts.programs)
    if isinstance(facts.secrets, Unreadable):
        todo = "Delete it: the next `up` sets new passwords. No data are lost."
        raise CorruptFileError(facts.secrets.path, facts.secrets.reason, todo)


def refuse_live(facts: Facts) -> None:
    """Raise LiveDataError when the data in place are in use."""
    if facts.served_at:
        raise LiveDataError(
            f"The data are in use: a PostgreSQL answers at {facts.served_at}; "
            "a restore never replaces data that are.",
            "Stop everything first: stockops down",
        )
    running = sorted({left.name for left in facts.leftovers})
    if facts.supervisor.pid is not None:
        running = ["supervisor", *(part.name for part in facts.supervisor.parts if part.pid)]
    if running:
        raise LiveDataError(
            f"The data in {facts.layout.root} are in use ({', '.join(running)}); "
            "a restore never replaces data that are.",
            f"Stop everything first: {command('down', '--data', f'{facts.layout.root}')}",
        )
    cluster = facts.cluster
    if isinstance(cluster, Cluster) and cluster.postmaster_name == "postgres":
        raise LiveDataError(
            f"A PostgreSQL that stockops did not start (pid {cluster.postmaster_pid}) works on "
            f"{facts.layout.postgresql}.",
            f"Stop it (kill -INT {cluster.postmaster_pid}), then run this again.",
        )


def refuse_findings(archive: Archive) -> None:
    """Raise DamagedBackupError where somebody else changed the storage, whatever of it is used."""
    lost = [f"{archive.lost_end}, is missing"] if archive.lost_end else []
    if findings := [*archive.findings, *lost]:
        raise DamagedBackupError(
            f"Somebody else changed {archive.where}: {'; '.join(findings)}.",
            "See docs/runbooks/backup-forged.md, also by: stockops runbook backup-forged",
        )


def refuse_storage(archive: Archive, here: Here) -> None:
    """Raise ForeignStorageError when the storage holds backups of another cluster than the one in place."""
    others = {one.system_identifier for one in archive.backups} - {archive.system_identifier}
    if archive.system_identifier and others:
        raise ForeignStorageError(
            f"{archive.where} holds backups of more than one database cluster ({', '.join(sorted(others))} "
            f"beside {archive.system_identifier}).",
            "Storages were copied together: name the one that is yours alone with --storage.",
        )
    theirs = archive.system_identifier or next(iter(others), None)
    if theirs and here.system_identifier not in (None, theirs):
        raise ForeignStorageError(
            f"{archive.where} holds the backups of another database cluster ({theirs}; the data here are of "
            f"{here.system_identifier}).",
            "Name this instance's own storage (--storage), or restore those data into a new folder (--data).",
        )


def refuse_unfit(choice: Choice, here: Here, facts: Facts) -> None:
    """Raise UnfitError, FolderError or DiskFullError when the chosen backup cannot run here."""
    backup, elsewhere = choice.backup, "Restore it with the release that made it, or choose an older backup."
    major = backup.postgresql.split(".")[0]
    if major != str(POSTGRES_MAJOR):
        raise UnfitError(
            f"{backup.id} is of PostgreSQL {backup.postgresql}; this release runs {POSTGRES_MAJOR}.",
            elsewhere,
        )
    if here.schema_version is not None and backup.schema_version > here.schema_version:
        raise UnfitError(
            f"The schema of {backup.id} is version {backup.schema_version}; "
            f"this release knows {here.schema_version}.",
            "Install the release that made it, or a later one, then run this again.",
        )
    for name, version in sorted(backup.extensions.items()):
        _refuse_extension(backup.id, name, version, here)
    if facts.layout.postgresql.is_symlink() or facts.layout.postgresql.is_mount():
        raise FolderError(
            f"{facts.layout.postgresql} lies on a disk of its own, so that it cannot be swapped in one step.",
            f"Mount that disk at {facts.layout.root} itself, and move everything there.",
        )
    if here.free_bytes + here.used_bytes < choice.need_bytes:
        raise DiskFullError(facts.layout.root, here.free_bytes + here.used_bytes, choice.need_bytes)


def _refuse_extension(backup: str, name: str, version: str, here: Here) -> None:
    known = here.extensions.get(name, frozenset())
    if version in known:
        return
    there = f"there are {', '.join(sorted(known))}" if known else "there is none"
    raise UnfitError(
        f"{backup} needs the extension {name} {version}, which this PostgreSQL does not have ({there}).",
        f"Install {name} {version}, then run this again; after the restore it can be updated.",
    )


def plan_preparations(facts: Facts) -> tuple[MakeFolders | CopyProgram, ...]:
    """The steps that prepare a data folder on a bare machine."""
    layout, service = facts.layout, facts.service
    passable = 0o711 if service else 0o700
    needed = [layout.root, layout.programs, layout.backup]
    closed = [facts.folder.closed_to_service] if facts.folder.closed_to_service else []
    folders = [path for path in needed if facts.folder.modes.get(path) is None or path in closed]
    make = [MakeFolders(tuple(NewFolder(path, passable) for path in folders))] if folders else []
    programs = installed(facts.programs)
    copy = (
        CopyProgram(wheel, layout.programs / wheel.copy_name)
        for wheel in (programs.postgresql, programs.valkey)
        if service and wheel.copy_name not in facts.copied_programs
    )
    return (*make, *copy)
