"""The next steps of the archive: the log to ship, and the start of receiving. Pure.

Invariant: a file leaves the spool only when the storage has all of it, or all that there will ever be of it.
A place where the log is not continuous is never passed over in silence: the chain of backups is called broken
there, and a new full backup begins the next one.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from stock_ops.storage.objects import history_object, segment_object
from stock_ops.storage.wal import SEGMENT_BYTES, number_of, segment_name, start_of, timeline_of

SPOOL_BYTES = 16 * SEGMENT_BYTES
"""With more than this in the spool, receiving pauses; the server keeps the log meanwhile."""

Sort = Literal["history", "segment", "partial"]
_FILE = re.compile(r"([0-9A-F]{24})(\.partial)?|([0-9A-F]{8})\.history")


@dataclass(frozen=True, slots=True)
class Spooled:
    """A file that pg_receivewal wrote; a history has no segment."""

    name: str
    sort: Sort
    segment: str = ""

    @property
    def object(self) -> str:
        """Its name in the storage."""
        if self.sort == "history":
            return history_object(self.name)
        return segment_object(self.segment, partial=self.sort == "partial")


@dataclass(frozen=True, slots=True)
class Slot:
    """The replication slot as the server shows it."""

    restart_lsn: int | None
    wal_status: str | None

    @property
    def is_usable(self) -> bool:
        """Whether the server still keeps the log that was not received; if not, the slot is useless."""
        return self.restart_lsn is not None and self.wal_status != "lost"


@dataclass(frozen=True, slots=True)
class Start:
    """The steps before receiving begins, in this order."""

    retire: tuple[Spooled, ...] = ()
    """Shipped as they are and taken out of the spool: nothing will be added to them."""
    drop_slot: bool = False
    create_slot: bool = False


def spooled(names: Iterable[str]) -> tuple[Spooled, ...]:
    """The files of the spool as they are shipped: histories, then the log in order. Others are not ours."""
    found = [_spooled(name) for name in names]
    return tuple(sorted((one for one in found if one), key=_order))


def writing(files: tuple[Spooled, ...]) -> Spooled | None:
    """The file that is being written: the last one, if it is a partial."""
    return files[-1] if files and files[-1].sort == "partial" else None


def half_made(sizes: Mapping[str, int]) -> tuple[str, ...]:
    """Files that pg_receivewal was killed while making: it fills one with zeros first, and takes no other.

    sizes: of the files of the spool, in bytes.
    """
    partial = (one.name for one in spooled(sizes) if one.sort == "partial")
    return tuple(name for name in partial if sizes[name] not in {0, SEGMENT_BYTES})


def plan_start(timeline: int, slot: Slot | None, files: tuple[Spooled, ...]) -> Start:
    """What must be done before receiving begins: behind the last spooled file, or else where the slot is.

    timeline: of the server. What lies in the spool must be of the server's own past, and a new slot keeps
    nothing from before it was made.
    """
    anew = slot is None or not slot.is_usable
    stale = anew or any(one.segment and timeline_of(one.segment) > timeline for one in files)
    return Start(files if stale else (), drop_slot=anew and slot is not None, create_slot=anew)


def lost_before(segment: str, expected: str | None) -> str | None:
    """The first segment that the archive lacks when it is given `segment`; None where nothing is missing.

    expected: the segment that follows the last one in the archive, of the same timeline; None: no one knows.
    """
    if expected is None or timeline_of(expected) != timeline_of(segment):
        return None
    return expected if number_of(segment) > number_of(expected) else None


def is_behind(timeline: int, flushed: int, expected: str | None) -> bool:
    """Whether the archive has more of the timeline than the server wrote: older data were put back."""
    return expected is not None and timeline_of(expected) == timeline and flushed < start_of(expected)


def after(segment: str) -> str:
    """The segment after this one."""
    return segment_name(timeline_of(segment), number_of(segment) + 1)


def _spooled(name: str) -> Spooled | None:
    found = _FILE.fullmatch(name)
    if found is None:
        return None
    if found[3]:
        return Spooled(name, "history")
    return Spooled(name, "partial" if found[2] else "segment", found[1])


def _order(one: Spooled) -> tuple[bool, int, int, str]:
    """By place in the log, then by timeline, as pg_receivewal itself looks for its last one."""
    if not one.segment:
        return False, 0, 0, one.name
    return True, number_of(one.segment), timeline_of(one.segment), one.name
