"""How far the storage is behind the server, when the newest log is shipped, when receiving pauses. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from stock_ops.archive.plans.spool import SPOOL_BYTES
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.wal import SEGMENT_BYTES, number_of, timeline_of

RESUME_BYTES = SPOOL_BYTES // 2
"""Receiving goes on when the spool is down to this."""
QUIET_S = 60.0
QUIET_BYTES = SEGMENT_BYTES // 64
"""An idle server writes less new log than this in QUIET_S."""
HEAVY_BYTES = SEGMENT_BYTES // 8
_FINENESS = 256
"""Samples are as far apart as this part of the time that they span: a day is told to some minutes."""


@dataclass(frozen=True, slots=True)
class Sample:
    """How far the server had written its log, from when to when, by the steady and the wall clock."""

    lsn: int
    first_s: float
    last_s: float
    last_at: datetime


def add_sample(samples: tuple[Sample, ...], lsn: int, now_s: float, now: datetime) -> tuple[Sample, ...]:
    """The samples with one more. A server that is behind the last one has other data; they begin anew."""
    new = Sample(lsn, now_s, now_s, now)
    if not samples or lsn < samples[-1].lsn:
        return (new,)
    if lsn == samples[-1].lsn:
        return (*samples[:-1], replace(new, first_s=samples[-1].first_s))
    if _is_close(samples, now_s):
        return (*samples[:-1], new)
    return (*samples, new)


def forget_shipped(samples: tuple[Sample, ...], shipped: int) -> tuple[Sample, ...]:
    """The newest sample that is in the storage, and those that are not."""
    known = [number for number, sample in enumerate(samples) if sample.lsn <= shipped]
    return samples[known[-1] :] if known else samples


def lag_s(samples: tuple[Sample, ...], shipped: int | None, now_s: float) -> float | None:
    """Age of the oldest log that is not in the storage; None where nothing is known of the server."""
    if not samples:
        return None
    if shipped is None or samples[0].lsn > shipped:
        return now_s - samples[0].first_s
    first, *later = forget_shipped(samples, shipped)
    return now_s - first.last_s if later else 0.0


def shipped_at(samples: tuple[Sample, ...], shipped: int | None) -> datetime | None:
    """What was committed before this time is in the storage; None where that is not known."""
    known = [sample.last_at for sample in samples if shipped is not None and sample.lsn <= shipped]
    return known[-1] if known else None


def may_receive(spool_bytes: int, *, receiving: bool) -> bool:
    """Whether the spool has room for more log."""
    return spool_bytes < SPOOL_BYTES if receiving else spool_bytes <= RESUME_BYTES


def has_rested(now_s: float, ended_s: float, took_s: float) -> bool:
    """Whether the segment that is being written may be shipped again.

    A storage that is slow spends no more than half of its time on what is replaced at once.
    """
    return now_s - ended_s >= took_s


def wants_switch(written: int, grown: int) -> bool:
    """Whether the server shall begin a new segment: little is added to one that is large to ship again."""
    return written >= HEAVY_BYTES and grown < QUIET_BYTES


def is_mended(broken_at: str, backups: Iterable[Manifest]) -> bool:
    """Whether a full backup was made of log after the loss.

    broken_at: the first segment after what was lost.
    """
    return any(
        backup.kind == "full" and _place(backup.first_segment) >= _place(broken_at) for backup in backups
    )


def _place(segment: str) -> tuple[int, int]:
    return timeline_of(segment), number_of(segment)


def _is_close(samples: tuple[Sample, ...], now_s: float) -> bool:
    """Whether the last sample tells too little more than the one before it to be kept."""
    if len(samples) < 2:
        return False
    return samples[-1].first_s - samples[-2].last_s < (now_s - samples[0].first_s) / _FINENESS
