"""How the backups stand: everything that the overview, its warnings and its metrics are made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from stock_ops.archive.facts.state import ArchiveState
from stock_ops.drill.facts.drills import Drill
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.errors import OpsError
from stock_ops.kit.layout import Layout
from stock_ops.kit.typed import Named
from stock_ops.local.facts.local_state import LocalState
from stock_ops.local.facts.part import Break
from stock_ops.storage.facts.contents import Contents
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.storage import Traits


@dataclass(frozen=True, slots=True)
class Failure:
    """A job that failed so many times in a row, and why it did the last time."""

    count: int
    why: str
    todo: str


@dataclass(frozen=True, slots=True)
class CopyStanding:
    """A copy of the storage at one moment."""

    name: str
    where: str
    contents: Contents | None = None
    """As it was looked at last; None: not yet since the part began."""
    usable: tuple[Manifest, ...] = ()
    """The backups there that can be restored, oldest first."""
    flaws: Mapping[str, str] = field(default_factory=dict)
    """Those that cannot be, and why."""
    lacking: tuple[str, ...] = ()
    """Backups that are on their way there."""
    free_bytes: int | None = None
    lag_s: float | None = None
    """Age of the oldest log that is not there; 0 when all is there; None: nothing is known of the server."""
    shipped_at: datetime | None = None
    """What was committed before this time is there."""
    pending_bytes: int | None = None
    """What it lacked when it was compared last; None: not yet."""
    locked_objects: int = 0
    """What its retention lock kept when it was pruned last."""
    trouble: OpsError | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The backups at one moment, as the part sees them that makes them."""

    settings: BackupSettings
    where: str
    """The storage's address for people."""
    contents: Contents | None
    """As the storage was looked at last; None: not yet since the part began."""
    free_bytes: int | None
    """Room in the storage; None where it cannot be told."""
    two_writers: OpsError | None
    """Why nothing goes to the storage: another instance writes there."""
    unreachable: OpsError | None
    """Why the storage cannot be used now."""
    histories: Mapping[int, str]
    """Of the server's own timelines (server_histories): those in the storage are sealed."""
    archive: ArchiveState
    broken: bool
    """Log was lost, and no full backup was made since."""
    breaks: tuple[Break, ...]
    drills: tuple[Drill, ...]
    failures: Mapping[str, Failure]
    """By task: backup, prune, drill; one that went well last is not among them."""
    next_backup_at: datetime | None
    next_drill_at: datetime | None
    uptime_s: float
    """Since the part began, by the steady clock."""
    clock_jump_s: float
    """How far the wall clock jumped within the last day, forwards or backwards; 0: it did not."""
    key_flaw: OpsError | None
    """Why the private key does not open the backups."""
    shares_disk: bool
    """The storage lies on the file system of the data."""
    local: LocalState = field(default_factory=LocalState)
    """The servers beside the part, their disks, and the structure of the database."""
    gone: str = ""
    """The newest backup that was seen in the storage, where it is not there any more."""
    named: Named = field(default_factory=Named)
    """What commands need that are told to type."""
    traits: Traits = field(default_factory=Traits)
    """The ways of the storage."""
    locked_objects: int = 0
    """What its retention lock kept when it was pruned last."""
    copies: tuple[CopyStanding, ...] = ()


def shares_disk(layout: Layout, settings: BackupSettings) -> bool:
    """Whether the storage lies on the file system of the data; False, too, where it cannot be told."""
    if settings.is_s3:
        return False
    storage = Path(settings.storage)
    try:
        folder = storage if storage.exists() else storage.parent
        return folder.stat().st_dev == layout.root.stat().st_dev
    except OSError:
        return False
