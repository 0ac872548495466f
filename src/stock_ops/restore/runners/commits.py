"""When transactions were committed whose log is in the storage, and how that log passes a time."""

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from itertools import count, takewhile
from pathlib import Path

from stock_ops.kit.commands import run_to_end
from stock_ops.kit.errors import OpsError
from stock_ops.restore.plans.moments import find_branch, first_mark_after
from stock_ops.restore.plans.recovery import Choice, Request, choose, position_of
from stock_ops.restore.runners.fetch import Workshop, fetch_segment
from stock_ops.restore.runners.scratch import Place
from stock_ops.storage.facts.archive import Archive, Passage
from stock_ops.storage.timelines import Held, Leg
from stock_ops.storage.wal import SEGMENT_BYTES, number_of, parse_lsn, segment_name

_COMMIT = re.compile(
    r"lsn: ([\dA-F]+/[\dA-F]+),.* desc: COMMIT(?:_PREPARED)? (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC"
)
_MARK = re.compile(r"desc: RESTORE_POINT (\S+)")
_TO_ITS_END = ("/bin/sh", "-c", 'TZ=UTC "$@" 2>/dev/null || true', "-")
"""pg_waldump calls it a failure when a log ends that is still being written."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a segment holds."""

    commits: Sequence[tuple[int, datetime]]
    """Place and time of each, in the order of the log."""
    marks: frozenset[str] = frozenset()


Reader = Callable[[Held], Read]


def find_passage(archive: Archive, request: Request, time: datetime, now: datetime, read: Reader) -> Archive:
    """The archive with what its log tells of a time that is asked for; unchanged where no log leads there."""
    if request.timeline is None and (branch := find_branch(archive, time)):
        first = _first_commit(branch.begun, archive, read)
        archive = replace(archive, branch=replace(branch, first_commit=first))
    try:
        wal = choose(archive, request, now).wal
    except OpsError:
        return archive
    found = ((held, max(at for _, at in one)) for held in reversed(wal) if (one := read(held).commits))
    newest, last = next(found, (None, None))
    if newest is None or last is None or last <= time:
        return replace(archive, passage=Passage(last, None, read(wal[-1]).marks))
    begin, end = first_mark_after(archive, request.timeline, time), number_of(newest.name)
    near = (number_of(held.name) for held in wal if begin is not None and begin <= number_of(held.name) < end)
    by_number = {number_of(held.name): held for held in wal}
    passes = (number for number in near if any(at > time for _, at in read(by_number[number]).commits))
    return replace(archive, passage=Passage(last, next(passes, end)))


def last_commit(choice: Choice, archive: Archive, read: Reader) -> datetime | None:
    """Time of the last commit that a restore would bring back; None where its log has none before the target.

    The log is read from its end, segment by segment, until there is one.
    """
    until = datetime.fromisoformat(choice.target.value) if choice.target.kind == "time" else None
    lsn = position_of(archive, choice.target.value) if choice.target.kind == "mark" else None
    for held in reversed(choice.wal):
        reached = [
            at
            for place, at in read(held).commits
            if (until is None or at <= until) and (lsn is None or place < lsn)
        ]
        if reached:
            return max(reached)
    return None


def _first_commit(leg: Leg, archive: Archive, read: Reader) -> datetime | None:
    """Time of the first commit on a leg; None when its log holds none."""
    names = (segment_name(leg.timeline, number) for number in count(leg.begin // SEGMENT_BYTES))
    for name in takewhile(lambda name: name in archive.whole | archive.partial, names):
        commits = read(Held(name, partial=name not in archive.whole)).commits
        if times := [at for lsn, at in commits if lsn >= leg.begin]:
            return min(times)
    return None


@contextmanager
def reader(shop: Workshop) -> Iterator[Reader]:
    """Reads the commits of a segment in the storage."""
    with tempfile.TemporaryDirectory(prefix="stockops-log-") as folder:

        @cache
        def read(held: Held) -> Read:
            segment = fetch_segment(shop, held, Path(folder))
            try:
                return _read(shop.place, segment)
            finally:
                segment.unlink()

        yield read


def _read(place: Place, segment: Path) -> Read:
    kinds = ("-r", "Transaction", "-r", "XLOG")
    command: list[str | Path] = [*_TO_ITS_END, place.binaries / "pg_waldump", *kinds, segment]
    text = run_to_end(place.programs, command, what="pg_waldump", user=place.account)
    commits = ((parse_lsn(lsn), datetime.fromisoformat(time)) for lsn, time in _COMMIT.findall(text))
    return Read([(lsn, at.replace(tzinfo=UTC)) for lsn, at in commits], frozenset(_MARK.findall(text)))
