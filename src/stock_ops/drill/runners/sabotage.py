"""A drill that tries to fail: it damages objects as they are read, and restored data."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from stock_ops.drill.plans.forgeries import Forgery, forgeries
from stock_ops.drill.plans.journal import AFTER, Check
from stock_ops.drill.plans.sabotage import Reach, Sabotage, newest_dump, sabotages
from stock_ops.drill.runners.damage import change_value, empty_table
from stock_ops.drill.runners.drill import choose_for, restore, serve
from stock_ops.drill.runners.dump import read_dump
from stock_ops.drill.runners.forging import forged_base
from stock_ops.drill.runners.ground import Chosen, Ground, take_newest
from stock_ops.drill.runners.journal import Found, Recorder
from stock_ops.drill.runners.restored import ask
from stock_ops.kit.errors import OpsError, UndetectedDamageError
from stock_ops.kit.files import remove
from stock_ops.kit.report import Report
from stock_ops.restore.plans.comparison import Measured
from stock_ops.restore.plans.recovery import Request
from stock_ops.restore.runners.fetch import fetch_backup, fetch_log, make_work_folders
from stock_ops.restore.runners.rebuild import compare, measure
from stock_ops.restore.runners.scratch import ScratchServer
from stock_ops.storage.facts.contents import read_contents
from stock_ops.storage.keys import draw_identity, read_identity
from stock_ops.storage.ledger import read_ledger
from stock_ops.storage.manifest import Manifest, load_manifest
from stock_ops.storage.objects import manifest_of
from stock_ops.storage.storage import Storage, read_bytes

_DISTRUST = "Do not trust a restore of this release; report this with the drill's journal."


def sabotage(recorder: Recorder, ground: Ground, report: Report) -> None:
    """The method of a sabotage drill: a restore without damage first, then each damage.

    Whatever is not found fails the drill, and so does a restore that fails without any damage.
    """
    work = ground.folder / "restored"
    newest = choose_for(recorder, "backup", lambda: take_newest(ground, work, Request()))
    if newest is None:
        return
    request = Request(backup=newest.choice.backup.id)
    chosen = choose_for(recorder, "backup", lambda: take_newest(ground, work, request))
    if chosen is None:
        return
    planned = _plan(recorder, ground, newest)
    with contextlib.ExitStack() as stack:
        servers: list[ScratchServer] = []
        if restore(recorder, chosen, report, lambda: servers.append(stack.enter_context(serve(chosen)))):
            saboteur = _Saboteur(ground, chosen.choice.backup, servers[0])
            for one in planned:
                recorder.check(one.name, partial(_find, saboteur, one))


def _plan(recorder: Recorder, ground: Ground, newest: Chosen) -> tuple[Sabotage, ...]:
    """Every damage that this storage can suffer becomes a check of the drill."""
    sizes = {one.name: one.size_bytes for one in newest.contents.objects}
    planned = sabotages(newest.contents.archive, newest.choice, sizes, _forgeries(ground, newest))
    before = tuple(check for check in recorder.journal.checks if check not in AFTER)
    checks: tuple[Check, ...] = (*before, *(one.check for one in planned), *AFTER)
    backup, chain = newest.choice.backup.id, tuple(one.id for one in newest.choice.chain)
    recorder.change(replace(recorder.journal, checks=checks, backup=backup, chain=chain))
    return planned


def _forgeries(ground: Ground, newest: Chosen) -> Iterator[Forgery]:
    """None where nothing proves the backup: there a forgery cannot be told from it."""
    archive, ledger, known = (
        newest.contents.archive,
        read_ledger(ground.storage),
        ground.storage.authority.known,
    )
    if ledger and newest.choice.backup.id not in archive.unproven:
        remembered = known is not None and known.ledger == ledger.entry.number
        yield from forgeries(archive, newest.choice, ledger, forged_base(), remembered=remembered)


def _find(saboteur: "_Saboteur", one: Sabotage) -> Found:
    """Do one damage. Raises UndetectedDamageError unless it is found, and named."""
    named, look = saboteur.do(one)
    try:
        look()
    except OpsError as error:
        if all(word in error.why for word in named):
            return Found(error.why, {"error": error.kind})
        words = " and ".join(named)
        why = f"{one.title}: it was noticed, but by an error that does not name {words}: {error.why}"
        raise UndetectedDamageError(why, _DISTRUST) from error
    raise UndetectedDamageError(f"{one.title}: nothing noticed it.", _DISTRUST)


Look = Callable[[], object]


@dataclass(slots=True)
class _Saboteur:
    """Does the damages, one at a time."""

    ground: Ground
    backup: Manifest
    server: ScratchServer
    """The restored data at the backup's mark, for this drill alone."""
    changed: str = ""
    """The table in which a value was changed."""

    def do(self, one: Sabotage) -> tuple[tuple[str, ...], Look]:
        """Damage something; returns the words that an error must hold, and the check that must raise it."""
        match one.reach:
            case "value":
                self.changed = ask(self.server, change_value)
                return (self.changed, one.named), self._measure_again
            case "rows":
                emptied = ask(self.server, lambda connection: empty_table(connection, self.changed))
                return (f"{emptied} has {one.named}",), self._measure_again
        return (one.named,), partial(self._read, one)

    def _read(self, one: Sabotage) -> None:
        """As far as a restore would have to go to find it."""
        storage = self.ground.damaged(one.damage) if one.damage else self.ground.storage
        work = self.ground.folder / one.name
        try:
            match one.reach:
                case "schema":
                    self._compare(storage)
                case "dump":
                    self._read_dump(storage)
                case _:
                    self._restore(one.reach, storage, work)
        finally:
            remove(work)

    def _restore(self, reach: Reach, storage: Storage, work: Path) -> None:
        """The newest backup first: where it is damaged, nothing before it has to be read."""
        identity = self._strange_key(work) if reach == "key" else None
        chosen = take_newest(self.ground, work, Request(), storage=storage, identity=identity)
        make_work_folders(chosen.shop.place)
        if reach == "log":
            fetch_log(chosen.shop, chosen.choice.wal, _quietly)
            return
        for backup in reversed(chosen.choice.chain):
            fetch_backup(chosen.shop, backup.id, _quietly)

    def _strange_key(self, work: Path) -> str:
        path = work.with_suffix(".key")
        draw_identity(path)
        return read_identity(path)

    def _compare(self, storage: Storage) -> None:
        manifest = load_manifest(read_bytes(storage, manifest_of(self.backup.id)))
        compare(manifest, self._measure())

    def _measure_again(self) -> None:
        compare(self.backup, self._measure())

    def _measure(self) -> Measured:
        return asyncio.run(measure(self.server.connect))

    def _read_dump(self, storage: Storage) -> None:
        ground = self.ground
        dump = newest_dump(read_contents(storage, ground.identity).archive)
        if dump is not None:
            read_dump(storage, dump, ground.identity, ground.tools)


def _quietly(_done: int, _total: int | None) -> None:
    """Nobody is told."""
