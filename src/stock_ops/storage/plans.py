"""Which backups of a storage can be restored along a way of timelines, and why others cannot. Pure."""

from stock_ops.kit.errors import DamagedBackupError, OutOfReachError
from stock_ops.storage.facts.archive import Archive
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.objects import base_of
from stock_ops.storage.timelines import Held, Way, covers, holds, names_at, run_along, way_to
from stock_ops.storage.wal import number_of, parse_lsn


def judge(archive: Archive, way: Way) -> tuple[tuple[Manifest, str | None], ...]:
    """The backups along a way, oldest first, each with why it cannot be restored; None where it can."""
    usable = Usable(archive, way)
    return tuple((backup, usable.flaw(backup)) for backup in usable.backups)


def way_of(archive: Archive, timeline: int | None) -> Way:
    """The way to the timeline that was asked for, or to the newest."""
    wanted = timeline or archive.timeline
    known = {archive.timeline, *archive.histories, *(backup.timeline for backup in archive.backups)}
    if wanted not in known:
        raise OutOfReachError(
            f"{archive.where} knows no timeline {wanted}.",
            f"Name one of: {', '.join(map(str, sorted(known)))}.",
        )
    try:
        return way_to(wanted, archive.histories.get(wanted))
    except ValueError as error:
        raise DamagedBackupError(
            f"The history of timeline {wanted} in {archive.where} is damaged: {error}.",
            "Name an older timeline with --timeline.",
        ) from error


class Usable:
    """Which backups of an archive lead along a way, and which of those are whole."""

    def __init__(self, archive: Archive, way: Way) -> None:
        self._archive, self.way = archive, way
        self._by_id = {backup.id: backup for backup in archive.backups}
        on_way = [one for one in archive.backups if holds(way, one.timeline, parse_lsn(one.mark.lsn))]
        self.backups = sorted(on_way, key=lambda one: parse_lsn(one.mark.lsn))
        self.whole = [one for one in self.backups if self.flaw(one) is None]

    def chain(self, backup: Manifest) -> tuple[Manifest, ...]:
        """The backups it is made of, the full one first. Raises KeyError naming one that is missing."""
        if backup.parent is None:
            return (backup,)
        return (*self.chain(self._by_id[backup.parent]), backup)

    def flaw(self, backup: Manifest) -> str | None:
        """Why the backup cannot be restored; None when it can, as far as names and sizes tell."""
        try:
            chain = self.chain(backup)
        except KeyError as error:
            missing = str(error.args[0])
            return f"{missing}, which it builds on, is {self._archive.damaged.get(missing, 'missing')}"
        return next(filter(None, map(self._flaw_of_files, chain)), None) or self._flaw_of_wal(backup)

    def _flaw_of_files(self, backup: Manifest) -> str | None:
        base, name = backup.part("base"), base_of(backup.id)
        found = self._archive.sizes.get(name)
        if base is None or found is None:
            return f"{name} is missing"
        if found != base.stored_bytes:
            return f"{name} has {found:,} bytes, not {base.stored_bytes:,}"
        return None

    def _flaw_of_wal(self, backup: Manifest) -> str | None:
        archive, missing, end = self._archive, number_of(backup.first_segment), parse_lsn(backup.mark.lsn)
        for held in run_along(self.way, missing, archive.whole, archive.partial):
            if covers(self.way, held, end):
                return None
            missing = missing_after(self.way, held)
        return f"segment {next(names_at(self.way, missing))} of the log is missing"


def missing_after(way: Way, held: Held) -> int:
    """Number of the first segment that a run lacks: of its last one, maybe the rest."""
    number = number_of(held.name)
    return number if held.partial or held.name != next(names_at(way, number)) else number + 1
