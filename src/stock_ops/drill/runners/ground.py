"""The ground of a drill: the live instance, the storage, the key, and a folder of its own."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from stock_ops.backup.facts.creation import Tools, observe_tools
from stock_ops.drill.plans.damages import Damage
from stock_ops.drill.runners.forging import plain_damages
from stock_ops.drill.runners.journal import now
from stock_ops.drill.runners.tampered import TamperedStorage
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.container import in_container
from stock_ops.kit.errors import DiskFullError, FolderError, NoBackupError, PartError
from stock_ops.kit.files import make_folder
from stock_ops.kit.layout import Layout
from stock_ops.kit.wanted import NewFolder
from stock_ops.local.facts.folder import observe_folder
from stock_ops.local.facts.instance import Memory
from stock_ops.local.facts.observe import Facts, observe
from stock_ops.local.facts.unfinished import read_abandoned
from stock_ops.local.plans.refusals import installed, refuse_folder, refuse_service, refuse_settings
from stock_ops.local.runners.postgres import discard
from stock_ops.restore.facts.fitness import Here, observe_here
from stock_ops.restore.facts.progress import Progress, boot_of_machine, cluster_folder
from stock_ops.restore.plans.fitness import refuse_findings, refuse_storage, refuse_unfit
from stock_ops.restore.plans.recovery import Choice, Request, choose
from stock_ops.restore.runners.beside import await_container
from stock_ops.restore.runners.fetch import Workshop
from stock_ops.restore.runners.scratch import Place
from stock_ops.storage.authentic import AuthenticStorage
from stock_ops.storage.facts.contents import Contents, read_contents
from stock_ops.storage.facts.place import open_storage
from stock_ops.storage.keys import read_identity, recipient_of
from stock_ops.storage.objects import BACKUPS
from stock_ops.storage.storage import Storage, StorageError

Advance = Callable[[int, int | None], object]


@dataclass(frozen=True, slots=True)
class Ground:
    """Everything that a drill needs to begin."""

    facts: Facts
    port: int | None
    """Of the live platform; None: the servers stand alone, and others use them."""
    settings: BackupSettings
    tools: Tools
    here: Here
    storage: AuthenticStorage
    identity: str
    folder: Path
    """Of the scratch instance."""

    @property
    def layout(self) -> Layout:
        """The files of the live instance."""
        return self.facts.layout

    def damaged(self, damage: Damage) -> Storage:
        """The storage as it would be after a damage, with the same checks."""
        damaged: Storage = self.storage.inner
        for one in plain_damages(self.storage, damage, recipient_of(self.identity)):
            damaged = TamperedStorage(damaged, one)
        return self.storage.over(damaged)

    def place(self, work: Path) -> Place:
        """Where a temporary server works."""
        tools = self.tools
        return Place(cluster_folder(work), work, tools.programs, tools.folder, tools.account)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The choice of a restore, and the place where it is rebuilt."""

    contents: Contents
    choice: Choice
    shop: Workshop

    @property
    def progress(self) -> Progress:
        """The restore as its runners know it."""
        choice = self.choice
        return Progress(
            asked="drill",
            chain=tuple(one.id for one in choice.chain),
            timeline=choice.timeline,
            target=choice.target,
            wal=choice.wal,
            gap=str(choice.gap or ""),
            boot=boot_of_machine(),
            end_is_target=choice.end_is_target,
        )


def prepare(layout: Layout, settings: BackupSettings, folder: Path) -> Ground:
    """Look at everything, and make the folder's parent. Raises OpsError when a drill cannot begin."""
    facts = observe(layout, port=None)
    for refuse in (refuse_folder, refuse_service, refuse_settings):
        refuse(facts)
    installed(facts.programs)
    tools, identity = observe_tools(layout), read_identity(settings.key_file)
    storage = open_storage(layout, settings)
    _refuse_empty(storage)
    _make_parent(facts, folder.parent)
    await_container()
    here = observe_here(layout, tools.folder.parents[1], shutil.disk_usage(folder.parent).free)
    return Ground(
        facts, _port(facts), settings, tools, replace(here, used_bytes=0), storage, identity, folder
    )


def take_newest(
    ground: Ground,
    work: Path,
    request: Request,
    *,
    storage: Storage | None = None,
    identity: str | None = None,
) -> Chosen:
    """The choice of a restore, by the same rules as `stockops restore`.

    storage, identity: others than those of the drill, which a sabotage damages.
    Raises NoBackupError, DamagedBackupError, MissingWalError, UnfitError, DiskFullError, StorageError.
    """
    storage, identity = storage or ground.storage, identity or ground.identity
    contents = read_contents(storage, identity)
    refuse_storage(contents.archive, ground.here)
    refuse_findings(contents.archive)
    choice = choose(contents.archive, request, now())
    if ground.here.free_bytes < choice.need_bytes:
        raise DiskFullError(ground.folder.parent, ground.here.free_bytes, choice.need_bytes)
    refuse_unfit(choice, ground.here, ground.facts)
    shop = Workshop(storage, identity, choice.chain, contents.archive.histories, ground.place(work))
    return Chosen(contents, choice, shop)


def clear_abandoned(layout: Layout) -> None:
    """End and remove the leftovers of killed drills."""
    for folder in read_abandoned(layout):
        discard(folder)


def _refuse_empty(storage: Storage) -> None:
    """Only what is known to be empty: that a storage is away is for the drill to find."""
    try:
        empty = next(iter(storage.list(BACKUPS)), None) is None
    except StorageError:
        return
    if empty:
        raise NoBackupError(storage.where)


def _make_parent(facts: Facts, parent: Path) -> None:
    if parent == facts.layout.scratch and not in_container():
        make_folder(NewFolder(parent, 0o711 if facts.service else 0o700))
    found = observe_folder(parent, facts.service)
    if not found.is_folder or not found.usable or found.closed_to_service:
        who = facts.service.name if facts.service else facts.account.name
        raise FolderError(
            f"{parent} cannot take a scratch instance: the user {who} cannot work there.",
            "Name an existing folder that this user can enter: stockops drill --scratch FOLDER",
        )


def _port(facts: Facts) -> int | None:
    port = facts.memory.ports.get("platform") if isinstance(facts.memory, Memory) else None
    if port is None and not in_container():
        raise PartError(f"{facts.layout.root} was never started.", "Start it with: stockops up")
    return port
