"""Which kind of backup is made, why, and in which steps. Pure.

Invariant: a backup exists from the moment in which its manifest does, and the manifest is written last: when
every object of the backup, and all of the write-ahead log from its start to its mark, lie in the storage.
Whatever cuts the steps off before that leaves objects without a manifest, which count as nothing, and which
the next backup removes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from stock_ops.archive.facts.server import Server
from stock_ops.backup.facts.creation import CreationFacts
from stock_ops.backup.plans.catalog import catalog
from stock_ops.kit.errors import ArchiveError, megabytes
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.objects import Kind, backup_id
from stock_ops.storage.owner import refuse_other
from stock_ops.storage.storage import StorageError
from stock_ops.storage.wal import number_of, parse_lsn, runs, timeline_of

EARLY_S = 43_200.0
"""A full backup that is due in the course of the day is made with the backup of that day."""
LONGEST_CHAIN = 14
"""Backups in a chain, the full one included: each more makes a restore longer, and is one more to lose."""

_USUAL_RATIO = 0.5
"""Stored bytes of a byte of data, where no backup tells better."""
_USUAL_CHANGE = 0.05
"""Part of the data that an incremental backup holds, where no backup tells better."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The kind of a backup, its parent, and the reason."""

    kind: Kind
    parent: Manifest | None
    why: str


@dataclass(frozen=True, slots=True)
class ClaimStorage:
    """Make an empty storage ours, or see that it is."""

    where: str
    title = "Storage"

    @property
    def detail(self) -> str:
        """Which one."""
        return self.where


@dataclass(frozen=True, slots=True)
class ClearLeftovers:
    """Remove the leftovers of backups that were cut off."""

    backups: tuple[str, ...] = ()
    title = "Clean up"

    @property
    def detail(self) -> str:
        """Whose."""
        return f"unfinished: {', '.join(self.backups) or 'nothing'}"


@dataclass(frozen=True, slots=True)
class TakeBase:
    """Copy the files of the running server into the storage."""

    choice: Choice
    total_bytes: int | None
    """The expected size, as far as it can be known."""
    title = "Base backup"

    @property
    def detail(self) -> str:
        """Kind and reason."""
        word = "full" if self.choice.kind == "full" else "incremental"
        return f"{word}: {self.choice.why}"


@dataclass(frozen=True, slots=True)
class SetMark:
    """Name the place in the log that the backup stands for, and hold its snapshot."""

    name: str
    title = "Mark"

    @property
    def detail(self) -> str:
        """Its name."""
        return self.name


@dataclass(frozen=True, slots=True)
class MeasureContent:
    """Measure the content of the database at the mark."""

    title = "Content"
    detail = "rows and checksum of every table at the mark"


@dataclass(frozen=True, slots=True)
class TakeDump:
    """Write a logical dump of the database at the mark."""

    title = "Dump"
    detail = "pg_dump at the mark"


@dataclass(frozen=True, slots=True)
class KeepStreams:
    """Write down the data of Valkey that cannot be computed again."""

    title = "Valkey"
    detail = "event streams, consumer positions and other keys that are no cache"


@dataclass(frozen=True, slots=True)
class AwaitLog:
    """Wait until the log up to the mark is in the storage."""

    title = "Log"
    detail = "write-ahead log up to the mark is in the storage"


@dataclass(frozen=True, slots=True)
class WriteManifest:
    """Write the manifest, which makes it a backup."""

    backup: str
    title = "Manifest"

    @property
    def detail(self) -> str:
        """Of which backup."""
        return self.backup


Step = (
    ClaimStorage
    | ClearLeftovers
    | TakeBase
    | SetMark
    | MeasureContent
    | TakeDump
    | KeepStreams
    | AwaitLog
    | WriteManifest
)


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """One backup to be made."""

    backup: str
    claim: ClaimStorage
    clear: ClearLeftovers
    base: TakeBase
    mark: SetMark
    streams: KeepStreams
    measure: MeasureContent
    dump: TakeDump | None
    log: AwaitLog
    manifest: WriteManifest

    @property
    def choice(self) -> Choice:
        """Its kind, parent and reason."""
        return self.base.choice

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps in order, without one that has nothing to do."""
        clear = (self.clear,) if self.clear.backups else ()
        dump = (self.dump,) if self.dump else ()
        at_mark = (self.mark, self.streams, self.measure, *dump)
        return (self.claim, *clear, self.base, *at_mark, self.log, self.manifest)


def plan_backup(facts: CreationFacts, *, full: bool) -> BackupPlan:
    """The steps of the next backup.

    full: the operator wants a full one. Raises OpsError when none can be made that is of use.
    """
    if facts.owner is not None:
        refuse_other(facts.storage, facts.owner, facts.server.system_identifier, facts.recipient)
    refuse_without_archive(facts)
    choice = choose(facts, full=full)
    _refuse_without_room(facts, choice.kind)
    backup = _free_id(facts, choice.kind)
    dump = facts.settings.dump == "always" or (facts.settings.dump == "full" and choice.kind == "full")
    left = tuple(sorted(facts.contents.unfinished))
    return BackupPlan(
        backup=backup,
        claim=ClaimStorage(facts.storage.where),
        clear=ClearLeftovers(left),
        base=TakeBase(choice, facts.server.size_bytes if choice.kind == "full" else None),
        mark=SetMark(f"backup-{backup}"),
        measure=MeasureContent(),
        dump=TakeDump() if dump else None,
        streams=KeepStreams(),
        log=AwaitLog(),
        manifest=WriteManifest(backup),
    )


def choose(facts: CreationFacts, *, full: bool) -> Choice:
    """The kind of the next backup: incremental where that is possible and the chain is young and short."""
    if full:
        return Choice("full", None, "asked for")
    if not facts.contents.archive.backups:
        return Choice("full", None, "the first one")
    timeline = facts.server.timeline
    whole = [entry for entry in catalog(facts.contents) if entry.manifest and not entry.flaw]
    here = [entry.chain for entry in whole if entry.chain[-1].timeline == timeline]
    if not here:
        return Choice("full", None, f"there is no whole backup on timeline {timeline} of the server")
    chain = max(here, key=lambda chain: parse_lsn(chain[-1].mark.lsn))
    why = _why_full(facts, chain) or _why_not_on(facts, chain[-1])
    return Choice("full", None, why) if why else Choice("incr", chain[-1], f"on top of {chain[-1].id}")


def _why_full(facts: CreationFacts, chain: tuple[Manifest, ...]) -> str | None:
    """Why the chain shall not go on."""
    age = facts.now - chain[0].started_at
    if age < timedelta(0):
        return "by the clock the last full one was made in the future"
    if age >= timedelta(days=facts.settings.full_every_days, seconds=-EARLY_S):
        return f"the last full one is {_told(age)} old"
    if any(one.id in facts.contents.archive.unproven for one in chain) and facts.authenticates:
        return "the last full one was made before the backups were authenticated"
    if len(chain) >= LONGEST_CHAIN:
        return f"the chain has {len(chain)} backups"
    return None


def _why_not_on(facts: CreationFacts, parent: Manifest) -> str | None:
    """Why nothing can be built on that backup."""
    if facts.server.lsn < parse_lsn(parent.mark.lsn):
        return f"the server is behind {parent.id}: older data were put back"
    if _has_gap(facts, parent):
        return f"log was lost since {parent.id}"
    if parent.id not in facts.manifests:
        return f"PostgreSQL's own manifest of {parent.id} is not here"
    if not _is_summarized(facts.server, parse_lsn(parent.start_lsn)):
        return f"PostgreSQL does not know all changes since {parent.id}"
    return None


def _has_gap(facts: CreationFacts, parent: Manifest) -> bool:
    timeline, first = facts.server.timeline, number_of(parent.last_segment)
    whole = facts.contents.archive.whole
    since = [name for name in whole if timeline_of(name) == timeline and number_of(name) >= first]
    return len(runs(since)) > 1


def _is_summarized(server: Server, since: int) -> bool:
    """Whether summaries go on from there without a gap; what is missing at the end comes in a moment."""
    reached = since
    for span in server.summaries:
        if span.begin > reached:
            return False
        reached = max(reached, span.end)
    return server.summarizes


def refuse_without_archive(facts: CreationFacts) -> None:
    """Raise ArchiveError where the log would not lead on from a backup, nor to a mark."""
    if facts.archive is None:
        raise ArchiveError(
            "The write-ahead log is not archived, because the part `backup` does not run: "
            "a backup would lead to its own moment and no further.",
            "Start it with: stockops up",
        )
    if not facts.archive.streaming:
        why = facts.archive.last_error or "it has just begun"
        raise ArchiveError(
            f"The write-ahead log is not being archived now: {why}", "`stockops logs backup` says more."
        )


def _refuse_without_room(facts: CreationFacts, kind: Kind) -> None:
    need = need_bytes(facts, kind)
    if facts.free_bytes is not None and facts.free_bytes < need:
        raise StorageError(
            f"{facts.storage.where} has {megabytes(facts.free_bytes)} left; "
            f"the backup takes about {megabytes(need)}.",
            "Free some space there, or shorten keep_days in backup.toml and run: stockops backup prune",
        )


def need_bytes(facts: CreationFacts, kind: Kind) -> int:
    """The expected size of the backup in the storage, judged by the newest one of its kind."""
    last = next((one for one in reversed(facts.contents.archive.backups) if one.kind == kind), None)
    if last is not None:
        return last.stored_bytes
    share = 1.0 if kind == "full" else _USUAL_CHANGE
    return int(facts.server.size_bytes * _USUAL_RATIO * share)


def _free_id(facts: CreationFacts, kind: Kind) -> str:
    """Named by the time, and by the next second when a backup has that name already."""
    archive = facts.contents.archive
    known = {one.id for one in archive.backups} | archive.damaged.keys() | facts.contents.unfinished
    at: datetime = facts.now
    while backup_id(at, kind) in known:
        at += timedelta(seconds=1)
    return backup_id(at, kind)


def _told(age: timedelta) -> str:
    days = age / timedelta(days=1)
    return f"{days:.0f} days" if days >= 2 else f"{days * 24:.0f} hours"
