"""The contents of the storage and of the folder of drills, read every minute and after each job."""

import asyncio
import logging
from dataclasses import dataclass, field, replace

from stock_ops.archive.facts.server import server_histories
from stock_ops.archive.plans.shipping import is_mended
from stock_ops.archive.runners.clock import steady_s
from stock_ops.archive.runners.part_memory import Remembered
from stock_ops.archive.runners.threads import in_thread
from stock_ops.drill.facts.drills import Drill, read_drills
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.errors import DamagedBackupError, OpsError, PartError
from stock_ops.kit.layout import Layout
from stock_ops.storage.cached import CachedStorage
from stock_ops.storage.facts.archive import Archive
from stock_ops.storage.facts.contents import Contents, read_contents
from stock_ops.storage.facts.keys import find_key_flaw
from stock_ops.storage.facts.place import open_storage
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.objects import backup_of, manifest_of, moment_of
from stock_ops.storage.plans import judge, way_of
from stock_ops.watch.facts import shares_disk

log = logging.getLogger("stockops.backup")

_EVERY_S, _RETRY_S = 60.0, 5.0


@dataclass(frozen=True, slots=True)
class View:
    """Everything as it was when it was looked at last."""

    contents: Contents | None = None
    usable: tuple[Manifest, ...] = ()
    """The backups that can be restored, oldest first."""
    free_bytes: int | None = None
    unreachable: OpsError | None = None
    histories: dict[int, str] = field(default_factory=dict)
    drills: tuple[Drill, ...] = ()
    key_flaw: OpsError | None = None
    gone: str = ""
    """The newest backup that was ever seen there, and is not there any more."""
    shares_disk: bool = False
    ended_s: dict[str, float] = field(default_factory=dict)
    """When the backups and drills ended that this process saw come, by the steady clock."""

    @property
    def done(self) -> frozenset[str]:
        """Backups that are there, and drills that passed."""
        backups = self.contents.archive.backups if self.contents else ()
        passed = (drill.id for drill in self.drills if drill.outcome == "passed")
        return frozenset((*(backup.id for backup in backups), *passed))


class Holdings:
    """The last look is `view`."""

    def __init__(self, layout: Layout, settings: BackupSettings, recipient: str, memory: Remembered) -> None:
        self._layout, self._settings, self._recipient, self._memory = layout, settings, recipient, memory
        self._storage: CachedStorage | None = None
        self._turn = asyncio.Lock()
        self.view = View()

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            signs, until = self._signs(), steady_s() + _EVERY_S
            await self.look()
            while steady_s() < until:
                await asyncio.sleep(_RETRY_S)
                if self.view.unreachable or self._signs() != signs:
                    break

    def _signs(self) -> tuple[int, ...]:
        """What a backup or a drill that was made by hand leaves on this machine."""
        folders = (self._layout.manifests, self._layout.drills)
        return tuple(folder.stat().st_mtime_ns if folder.exists() else 0 for folder in folders)

    async def look(self) -> None:
        """Look now."""
        async with self._turn:
            self.view = await in_thread(self._look)

    def _look(self) -> View:
        before = self.view
        seen = replace(
            before,
            drills=read_drills(self._layout),
            key_flaw=find_key_flaw(self._settings.key_file, self._recipient),
            shares_disk=shares_disk(self._layout, self._settings),
        )
        try:
            view = _with_ends(before, self._read(seen))
            self._remember(before, view)
        except OpsError as error:
            self._storage = None
            return replace(seen, unreachable=error)
        except Exception as error:
            # No content of the storage may keep the log from being archived.
            log.exception("the storage cannot be understood")
            self._storage = None
            return replace(
                seen, unreachable=PartError(f"The contents of the storage cannot be read: {error}.", _SEE)
            )
        return view

    def _read(self, seen: View) -> View:
        storage = self._storage or CachedStorage(open_storage(self._layout, self._settings))
        contents, histories = read_contents(storage), server_histories(self._layout)
        self._storage = storage
        return replace(
            seen,
            contents=contents,
            usable=_usable(contents.archive, histories),
            free_bytes=storage.free_bytes(),
            unreachable=None,
            histories=histories,
            gone=self._gone(contents),
        )

    def _gone(self, contents: Contents) -> str:
        memory, names = self._memory.value, (one.name for one in contents.objects)
        there = {backup for name in names if (backup := backup_of(name)) and name == manifest_of(backup)}
        is_gone = memory.newest_in == self._settings.storage and memory.newest not in there
        return memory.newest if is_gone else ""

    def _remember(self, before: View, view: View) -> None:
        """A new backup is a reason to prune, and may be the one that was wanted."""
        come = {one.id for one in view.usable} & view.ended_s.keys() - before.ended_s.keys()
        broken_at = self._memory.value.broken_at
        if broken_at and is_mended(broken_at, view.usable):
            self._memory.change(broken_at=None)
        newest = view.usable[-1].id if view.usable else ""
        if newest and (not view.gone or moment_of(newest) > moment_of(view.gone)):
            self._memory.change(newest=newest, newest_in=self._settings.storage)
        if come:
            self._memory.change(prune_wanted=True)


def _usable(archive: Archive, histories: dict[int, str]) -> tuple[Manifest, ...]:
    known = replace(archive, histories={**histories, **archive.histories})
    try:
        way = way_of(known, None)
    except DamagedBackupError:  # which the overview tells
        return ()
    return tuple(backup for backup, flaw in judge(known, way) if flaw is None)


def _with_ends(before: View, view: View) -> View:
    """The first look at a storage finds what ended before this process; later ones see what comes."""
    if before.contents is None:
        return view
    kept = {name: at for name, at in before.ended_s.items() if name in view.done}
    return replace(view, ended_s=kept | dict.fromkeys(view.done - before.done, steady_s()))


_SEE = "`stockops logs backup` says more."
