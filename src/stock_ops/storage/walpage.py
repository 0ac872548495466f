"""The first page of a WAL segment says whose it is and where it belongs: looked at before it is archived."""

import struct
from dataclasses import dataclass

from stock_ops.storage.wal import SEGMENT_BYTES, format_lsn, start_of, timeline_of

HEADER_BYTES = 40
_LONG_HEADER = struct.Struct("=HHIQI4xQII")
"""XLogLongPageHeaderData of PostgreSQL's xlog_internal.h, in the byte order of the machine that wrote it."""
_IS_LONG = 0x0002


class StrangeSegmentError(ValueError):
    """A WAL segment does not match its name."""


@dataclass(frozen=True, slots=True)
class Page:
    """The header of a segment's first page."""

    timeline: int
    address: int
    system_identifier: str
    segment_bytes: int


def check_segment(name: str, head: bytes, system_identifier: str) -> None:
    """Raise StrangeSegmentError unless the segment is of this cluster and belongs where its name says.

    head: its first HEADER_BYTES bytes.
    """
    page = read_page(name, head)
    if page.system_identifier != system_identifier:
        raise StrangeSegmentError(
            f"{name} is of another database cluster ({page.system_identifier}, not {system_identifier})"
        )
    if page.segment_bytes != SEGMENT_BYTES:
        raise StrangeSegmentError(f"{name} is of a cluster with segments of {page.segment_bytes:,} bytes")
    if page.address != start_of(name):
        raise StrangeSegmentError(f"{name} begins at {format_lsn(page.address)}, not where its name says")
    if page.timeline > timeline_of(name):
        raise StrangeSegmentError(f"{name} holds timeline {page.timeline}, later than its name says")


def read_page(name: str, head: bytes) -> Page:
    """The header of the first page. Raises StrangeSegmentError when there is none."""
    if len(head) < HEADER_BYTES:
        raise StrangeSegmentError(f"{name} has {len(head)} bytes, no page of a log")
    _, info, timeline, address, _, system, size, _ = _LONG_HEADER.unpack(head[:HEADER_BYTES])
    if not info & _IS_LONG or not address:
        raise StrangeSegmentError(f"{name} does not begin with the first page of a segment")
    return Page(timeline, address, str(system), size)
