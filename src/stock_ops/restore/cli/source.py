"""The source of a restore: the storage is looked at, and backup and log are chosen."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from stock_ops.archive.runners.lease import find_other_writer
from stock_ops.backup.cli.source import source_settings
from stock_ops.kit.backup_settings import BackupSettings, read_backup_settings
from stock_ops.kit.layout import Layout
from stock_ops.local.facts.observe import Facts
from stock_ops.local.facts.programs import postgresql_bin
from stock_ops.local.plans.refusals import installed
from stock_ops.restore.facts.fitness import observe_here
from stock_ops.restore.plans.fitness import refuse_storage, refuse_unfit
from stock_ops.restore.plans.recovery import Choice, Request, choose
from stock_ops.restore.runners.commits import find_passage, reader
from stock_ops.restore.runners.fetch import Workshop
from stock_ops.restore.runners.scratch import Place
from stock_ops.storage.facts.archive import Archive
from stock_ops.storage.facts.contents import read_archive
from stock_ops.storage.facts.keys import find_key_flaw
from stock_ops.storage.facts.place import open_storage
from stock_ops.storage.keys import read_identity
from stock_ops.storage.owner import read_owner
from stock_ops.storage.storage import Storage
from stock_ops.storage.writers import TwoWritersError


@dataclass(frozen=True, slots=True)
class Wish:
    """The operator's words."""

    request: Request
    storage: str | None
    key_file: Path | None
    typed_time: str | None = None
    """The time as it was typed."""
    copy: str | None = None
    """Name of a copy, in the place of a storage."""


@dataclass(frozen=True, slots=True)
class Source:
    """A storage that was looked at, and the choice in it."""

    storage: Storage
    settings: BackupSettings
    """Those of the data folder, which may name another storage for the backups to come."""
    identity: str
    archive: Archive
    choice: Choice
    two_writers: TwoWritersError | None
    """Why nothing goes there from this data folder."""


def look(layout: Layout, facts: Facts, wish: Wish) -> Source:
    """Look at the storage and choose. Every obstacle is told before anything is touched."""
    settings = read_backup_settings(layout)
    named = source_settings(layout, wish.storage, wish.copy)
    storage = open_storage(layout, named, key_file=wish.key_file)
    owner, key_file = read_owner(storage), wish.key_file or settings.key_file
    if flaw := find_key_flaw(key_file, owner.recipient if owner else None):
        raise flaw
    identity = read_identity(key_file)
    archive = read_archive(storage, identity)
    here = observe_here(layout, installed(facts.programs).postgresql.package, facts.folder.free_bytes)
    refuse_storage(archive, here)
    now = datetime.now(UTC)
    archive = _with_commits(facts, storage, identity, archive, wish.request, now)
    choice = choose(archive, wish.request, now)
    refuse_unfit(choice, here, facts)
    return Source(storage, settings, identity, archive, choice, find_other_writer(layout, storage))


def _with_commits(
    facts: Facts, storage: Storage, identity: str, archive: Archive, request: Request, now: datetime
) -> Archive:
    """Which times are possible is told by the log itself."""
    if request.time is None or not archive.backups:
        return archive
    with reader(reading_shop(facts, storage, identity, archive)) as read:
        return find_passage(archive, request, request.time, now, read)


def reading_shop(facts: Facts, storage: Storage, identity: str, archive: Archive) -> Workshop:
    """What reads segments of the log, and makes nothing."""
    binaries = postgresql_bin(installed(facts.programs).postgresql.package)
    place = Place(facts.layout.postgresql, facts.layout.root, facts.programs, binaries, None)
    return Workshop(storage, identity, archive.backups[-1:], archive.histories, place)
