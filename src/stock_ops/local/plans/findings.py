"""Findings about this machine and its servers, which need no look at the backups. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from stock_ops.kit.errors import megabytes
from stock_ops.kit.verdict import PART_DOWN, Finding, Kind, Verdict, finding, judge, read_findings
from stock_ops.kit.words import duration
from stock_ops.local.facts.disk import Disk
from stock_ops.local.facts.local_state import LocalState, PartTrouble
from stock_ops.local.facts.structure import Structure
from stock_ops.local.plans.steps import PART_TITLES

LOCAL_KINDS: frozenset[Kind] = frozenset({"part-down", "disk-filling", "disk-full", "structure-changed"})

WARN_SHARE, WARN_BYTES = 0.10, 20 * 2**30
"""Less than this share is left, and less than these bytes: a tenth of a large disk is plenty."""
FULL_SHARE, FULL_BYTES = 0.04, 4 * 2**30
LEAST_BYTES = 96 * 2**20
"""Whatever the disk's size: with less, PostgreSQL's next segments of log and a start have no room."""
WARN_AHEAD_S, WARN_SEEN_S = 24 * 3600.0, 3600.0
"""It is full within a day, by what an hour showed: an import of minutes is no trend."""
FULL_AHEAD_S, FULL_SEEN_S = 3600.0, 600.0
_NAMED = 3


def local_findings(state: LocalState) -> Iterator[Finding]:
    """All of them."""
    found: tuple[tuple[Kind, tuple[str, str] | None], ...] = (
        ("part-down", part_down(state.troubles)),
        ("disk-full", disk_full(state.disks, state.troubles)),
        ("disk-filling", disk_filling(state.disks, state.troubles)),
        ("structure-changed", structure_changed(state.live, state.expected)),
    )
    yield from (finding(kind, *told) for kind, told in found if told)


def verdict_of(overview_verdict: dict[str, object] | None, state: LocalState, *, wants_part: bool) -> Verdict:
    """The part's verdict, with what was looked at anew in the place of what it knew.

    overview_verdict: as the part `backup` tells it; None: it does not answer. wants_part: it should.
    """
    known = (one for one in read_findings(overview_verdict) if one.kind not in LOCAL_KINDS)
    silent = (_SILENT,) if wants_part and overview_verdict is None else ()
    return judge(local_findings(state), silent, known)


def with_trend(disks: Sequence[Disk], told: Sequence[Disk]) -> tuple[Disk, ...]:
    """Disks as they are now, with the trend that the part has watched."""
    trends = {one.folder: (one.full_in_s, one.seen_s) for one in told}
    known = ((one, *trends.get(one.folder, (None, 0.0))) for one in disks)
    return tuple(replace(one, full_in_s=full_in_s, seen_s=seen_s) for one, full_in_s, seen_s in known)


def part_down(troubles: Sequence[PartTrouble]) -> tuple[str, str] | None:
    """Parts that do not do their work."""
    if not troubles:
        return None
    told = "; ".join(f"{PART_TITLES[one.name]} is {one.reason}" for one in troubles)
    return (
        f"{told}.",
        f"`stockops logs {troubles[0].name}` says more; `stockops up` starts what does not run.",
    )


def disk_full(disks: Sequence[Disk], troubles: Sequence[PartTrouble] = ()) -> tuple[str, str] | None:
    """No room is left, or soon none: PostgreSQL stops, or has stopped."""
    for one in troubles:
        if "No space left" in one.reason:
            return f"{PART_TITLES[one.name]} has no room: {one.reason}.", _MAKE_ROOM
    tight = next((disk for disk in disks if _is_tight(disk)), None)
    return (f"{_room(tight)}; PostgreSQL stops when nothing is left.", _MAKE_ROOM) if tight else None


def disk_filling(disks: Sequence[Disk], troubles: Sequence[PartTrouble] = ()) -> tuple[str, str] | None:
    """Little room is left, or it goes fast; not where `disk_full` says so."""
    if disk_full(disks, troubles):
        return None
    low = next((disk for disk in disks if _is_low(disk)), None)
    return (f"{_room(low)}.", _MAKE_ROOM) if low else None


def structure_changed(live: Structure | None, expected: Structure | None) -> tuple[str, str] | None:
    """Something that the migrations made is gone, or was changed. What was added is the operator's."""
    missing = missing_pieces(live, expected)
    if not missing:
        return None
    named = "; ".join(missing[:_NAMED])
    more = f"; and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    return (
        f"The database is not as its migrations made it. Missing or changed: {named}{more}.",
        "Find out who changed it; a backup from before has it: `stockops backup list`.",
    )


def missing_pieces(live: Structure | None, expected: Structure | None) -> list[str]:
    """Pieces that the live structure lacks; those of a missing table count as one.

    Nothing is compared while the migrations are not the same: the next `stockops up` runs them.
    """
    if live is None or expected is None:
        return []
    lost = expected.pieces - live.pieces
    tables = [one.removeprefix("table ") for one in sorted(expected.pieces) if one.startswith("table ")]
    gone = [table for table in tables if f"table {table}" in lost]
    if live.number != expected.number and not (live.number == 0 and 0 < len(gone) <= len(tables) // 2):
        return []
    rest = sorted(one for one in lost if not one.startswith("table ") and not _belongs(one, gone))
    return [*(f"table {table}" for table in gone), *rest]


def _belongs(piece: str, tables: Sequence[str]) -> bool:
    """Whether a piece names one of the tables: it is gone with it."""
    return any(f" {table}{end}" in f"{piece} " for table in tables for end in (".", ":", " "))


def _is_tight(disk: Disk) -> bool:
    bytes_left = disk.free_bytes < max(min(FULL_SHARE * disk.total_bytes, FULL_BYTES), LEAST_BYTES)
    inodes_left = disk.free_inodes < FULL_SHARE * disk.total_inodes
    return bytes_left or inodes_left or _is_full_in(disk, FULL_AHEAD_S, FULL_SEEN_S)


def _is_low(disk: Disk) -> bool:
    bytes_left = disk.free_bytes < max(min(WARN_SHARE * disk.total_bytes, WARN_BYTES), 2 * LEAST_BYTES)
    inodes_left = disk.free_inodes < WARN_SHARE * disk.total_inodes
    return bytes_left or inodes_left or _is_full_in(disk, WARN_AHEAD_S, WARN_SEEN_S)


def _is_full_in(disk: Disk, ahead_s: float, seen_s: float) -> bool:
    return disk.full_in_s is not None and disk.full_in_s < ahead_s and disk.seen_s >= seen_s


def _room(disk: Disk) -> str:
    left = f"{megabytes(disk.free_bytes)} of {megabytes(disk.total_bytes)}"
    inodes = f", {disk.free_inodes:,} of {disk.total_inodes:,} inodes" if disk.total_inodes else ""
    ahead = "" if disk.full_in_s is None else f"; as it fills now, it is full in {duration(disk.full_in_s)}"
    return f"The disk of {disk.folder} has {left} left{inodes}{ahead}"


_MAKE_ROOM = "Make room on that disk, or give it more; then `stockops up` starts what has stopped."
_SILENT = Finding(
    PART_DOWN,
    "critical",
    "The part `backup` does not answer: nothing is archived, no backup is made, and their state is unknown.",
    "`stockops logs backup` says why; `stockops up` starts it.",
)
