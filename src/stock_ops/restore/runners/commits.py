"""When transactions were committed whose log is in the storage: the last one, and the first of a timeline."""

import re
import tempfile
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path

from stock_ops.kit.commands import run_to_end
from stock_ops.restore.facts.progress import Archive
from stock_ops.restore.runners.fetch import Workshop, fetch_segment
from stock_ops.restore.runners.scratch import Place
from stock_ops.storage.timelines import Held, Leg
from stock_ops.storage.wal import SEGMENT_BYTES, parse_lsn, segment_name

_COMMIT = re.compile(
    r"lsn: ([\dA-F]+/[\dA-F]+),.* desc: COMMIT(?:_PREPARED)? (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC"
)
_MOST_SEGMENTS = 8
"""Further nobody looks: the heartbeat commits every few seconds."""
_TO_ITS_END = ("/bin/sh", "-c", 'TZ=UTC "$@" 2>/dev/null || true', "-")
"""pg_waldump calls it a failure when a log ends that is still being written."""


def find_last_commit(shop: Workshop, wal: tuple[Held, ...]) -> datetime | None:
    """Time of the last commit in the log, read backwards; None when its last segments hold none."""
    return max(_nearest(shop, wal[: -_MOST_SEGMENTS - 1 : -1], 0), default=None)


def find_first_commit(shop: Workshop, leg: Leg, archive: Archive) -> datetime | None:
    """Time of the first commit on a leg; None when its first segments hold none."""
    number = leg.begin // SEGMENT_BYTES
    names = [segment_name(leg.timeline, number + further) for further in range(_MOST_SEGMENTS)]
    held = takewhile(lambda name: name in archive.whole | archive.partial, names)
    wal = tuple(Held(name, partial=name not in archive.whole) for name in held)
    return min(_nearest(shop, wal, leg.begin), default=None)


def _nearest(shop: Workshop, wal: tuple[Held, ...], begin: int) -> list[datetime]:
    """The commits from a position on in the first of these segments that holds one."""
    with tempfile.TemporaryDirectory(prefix="stockops-log-") as folder:
        for held in wal:
            segment = fetch_segment(shop, held, Path(folder))
            if found := [time for lsn, time in _commits(shop.place, segment) if lsn >= begin]:
                return found
            segment.unlink()
    return []


def _commits(place: Place, segment: Path) -> list[tuple[int, datetime]]:
    command: list[str | Path] = [*_TO_ITS_END, place.binaries / "pg_waldump", "-r", "Transaction", segment]
    text = run_to_end(place.programs, command, what="pg_waldump", user=place.account)
    found = _COMMIT.findall(text)
    return [(parse_lsn(lsn), datetime.fromisoformat(time).replace(tzinfo=UTC)) for lsn, time in found]
