"""Timelines of the write-ahead log: each restore begins a new one, which leaves its parent. Pure."""

from collections.abc import Container, Iterator
from dataclasses import dataclass, field

from stock_ops.storage.wal import SEGMENT_BYTES, number_of, parse_lsn, segment_name, timeline_of


@dataclass(frozen=True, slots=True)
class Leg:
    """A stretch of the log on one timeline: from `begin` to before `end`; None: to its present."""

    timeline: int
    begin: int
    end: int | None
    why: str = field(default="", compare=False)
    """Why it ends there, in PostgreSQL's words."""


Way = tuple[Leg, ...]
"""The legs that lead to the present of a timeline, oldest first."""


def way_to(timeline: int, history: str | None) -> Way:
    """The way to a timeline.

    history: the text of its history file; without one the way begins on the timeline itself, as the first.
    Raises ValueError when the text is no history of that timeline.
    """
    if history is None:
        return (Leg(timeline, 0, None),)
    legs, begin = [], 0
    for parent, end, why in _switches(history):
        legs.append(Leg(parent, begin, end, why))
        begin = end
    if not legs or legs[-1].timeline >= timeline:
        raise ValueError(f"it does not lead to timeline {timeline}")
    return (*legs, Leg(timeline, begin, None))


def holds(way: Way, timeline: int, lsn: int) -> bool:
    """Whether the way passes that position of that timeline."""
    return any(leg.timeline == timeline and (leg.end is None or lsn <= leg.end) for leg in way)


def names_at(way: Way, number: int) -> Iterator[str]:
    """Segments that may hold the log's segment of that number, in the order in which PostgreSQL looks.

    A new timeline begins with a copy of its parent's segment, so the newer one is the fuller one.
    """
    for leg in reversed(way):
        if leg.begin // SEGMENT_BYTES <= number:
            yield segment_name(leg.timeline, number)


@dataclass(frozen=True, slots=True)
class Held:
    """A segment as the storage holds it."""

    name: str
    partial: bool
    length: int | None = None
    """Bytes of it that lie on the way, where that leaves its timeline in it; None: all."""


def covers(way: Way, held: Held, lsn: int) -> bool:
    """Whether a segment that holds the last byte before `lsn` holds it as the way has it.

    A timeline begins with a copy of its parent's segment; the parent's own goes on into what the way left.
    """
    last = max(lsn - 1, 0)
    if number_of(held.name) != last // SEGMENT_BYTES:
        return False
    leg = next(leg for leg in reversed(way) if leg.begin <= last)
    return timeline_of(held.name) >= leg.timeline


def run_along(way: Way, first: int, whole: Container[str], partial: Container[str]) -> Iterator[Held]:
    """The segments from number `first` on, up to the first gap.

    Partial segments, and those of a timeline that was left in them, are the last of a run.
    """
    number = first
    while True:
        newest, *older = names_at(way, number)
        if newest in whole:
            yield Held(newest, partial=False)
            number += 1
            continue
        for name in (newest, *older):
            if name in whole or name in partial:
                yield Held(name, partial=name not in whole, length=_length(way, name))
                break
        return


def _length(way: Way, name: str) -> int | None:
    leg = next(leg for leg in way if leg.timeline == timeline_of(name))
    begin = number_of(name) * SEGMENT_BYTES
    return leg.end - begin if leg.end is not None and leg.end < begin + SEGMENT_BYTES else None


def _switches(history: str) -> Iterator[tuple[int, int, str]]:
    before = 0
    for line in history.splitlines():
        text = line.split("#")[0].strip()
        if not text:
            continue
        parent, lsn, *why = text.split(maxsplit=2)
        if int(parent) <= before:
            raise ValueError("its timelines do not ascend")
        before = int(parent)
        yield before, parse_lsn(lsn), "".join(why)
