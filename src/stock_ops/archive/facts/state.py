"""How the continuous archive stands: asked of the part that keeps it, and seen in the storage."""

import time
from dataclasses import dataclass

from stock_ops.kit.errors import ArchiveError
from stock_ops.kit.layout import Layout
from stock_ops.local.facts.part import ask_part
from stock_ops.storage.objects import segment_object
from stock_ops.storage.storage import Storage
from stock_ops.storage.wal import segment_at, segment_before, segments_between

_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class ArchiveState:
    """The continuous archive at one moment."""

    streaming: bool = False
    """The log is being received from the server."""
    shipped_lsn: str | None = None
    """Everything before this is in the storage."""
    shipped_at: str | None = None
    """What was committed before this time is in the storage (ISO, UTC)."""
    lag_s: float | None = None
    """Age of the oldest log that is not in the storage yet; 0 when all is there."""
    slot_retained_bytes: int | None = None
    """Log that the server keeps until it is received."""
    slot_limit_bytes: int | None = None
    """The most that it keeps."""
    spool_bytes: int = 0
    wal_status: str | None = None
    """As pg_replication_slots shows it."""
    failures: int = 0
    """Since the start of the part."""
    last_error: str | None = None


def observe_archive(layout: Layout, patience_s: float = 0.0) -> ArchiveState | None:
    """The state of the archive, by the part that keeps it; None when it does not run.

    patience_s: wait so long at most until the log is received: the part or the server may just have begun.
    """
    deadline = time.monotonic() + patience_s
    while (found := ask_part(layout)) and not found["archive"]["streaming"] and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return ArchiveState(**found["archive"]) if found else None


def wait_until_shipped(
    storage: Storage, lsn: int, timeout_s: float, *, timeline: int, start_lsn: int | None = None
) -> None:
    """Wait until the storage has each whole segment up to the one with the last byte before `lsn`.

    start_lsn: where they begin; None: only the last one is looked for. Switch the segment before, or it will
    not become whole. Raises ArchiveError when it takes longer.
    """
    last = segment_before(timeline, lsn)
    first = last if start_lsn is None else segment_at(timeline, start_lsn)
    deadline = time.monotonic() + timeout_s
    for segment in segments_between(first, last):
        while storage.head(segment_object(segment)) is None:
            if time.monotonic() >= deadline:
                raise ArchiveError(
                    f"The write-ahead log has not reached {storage.where} within {timeout_s:g} s: "
                    f"{segment} is missing there.",
                    "`stockops status` and `stockops logs backup` say why.",
                )
            time.sleep(_POLL_S)
