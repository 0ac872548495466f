"""Positions in the write-ahead log: LSN, segments, and the span of a run of segments. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

SEGMENT_BYTES = 16 * 2**20
"""Size of a segment in every cluster that stockops makes."""

_PER_LOG = 2**32 // SEGMENT_BYTES


def parse_lsn(text: str) -> int:
    """The byte position that PostgreSQL writes as 0/3000028. Raises ValueError for anything else."""
    high, slash, low = text.partition("/")
    if not slash:
        raise ValueError(f"{text!r} is no position in the write-ahead log")
    return (int(high, 16) << 32) | int(low, 16)


def format_lsn(lsn: int) -> str:
    """As PostgreSQL writes it."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def segment_at(timeline: int, lsn: int) -> str:
    """Name of the segment that holds the byte at `lsn`."""
    return segment_name(timeline, lsn // SEGMENT_BYTES)


def segment_before(timeline: int, lsn: int) -> str:
    """Name of the segment that holds the last byte before `lsn`."""
    return segment_name(timeline, max(lsn - 1, 0) // SEGMENT_BYTES)


def segment_name(timeline: int, number: int) -> str:
    """Name of the segment with that number, counted from 0 at the start of the log."""
    return f"{timeline:08X}{number // _PER_LOG:08X}{number % _PER_LOG:08X}"


def timeline_of(segment: str) -> int:
    """The timeline of a segment."""
    return int(segment[:8], 16)


def number_of(segment: str) -> int:
    """The number of a segment, counted from 0 at the start of the log."""
    return int(segment[8:16], 16) * _PER_LOG + int(segment[16:24], 16)


def start_of(segment: str) -> int:
    """LSN of a segment's first byte."""
    return number_of(segment) * SEGMENT_BYTES


def segments_between(first: str, last: str) -> Iterator[str]:
    """Names from `first` to `last`, both included, on the timeline of `first`."""
    for number in range(number_of(first), number_of(last) + 1):
        yield segment_name(timeline_of(first), number)


@dataclass(frozen=True, slots=True)
class Run:
    """Segments of one timeline without a gap, both ends included."""

    first: str
    last: str


def runs(segments: Iterable[str]) -> tuple[Run, ...]:
    """The runs that these segments form, in order; more than one on a timeline means a gap."""
    found: list[Run] = []
    for segment in sorted(set(segments)):
        if found and _follows(found[-1].last, segment):
            found[-1] = Run(found[-1].first, segment)
        else:
            found.append(Run(segment, segment))
    return tuple(found)


def _follows(last: str, segment: str) -> bool:
    return segment[:8] == last[:8] and number_of(segment) == number_of(last) + 1
