"""When a disk is full, if it fills as it did while it was watched. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """What was left at a moment of the steady clock."""

    at_s: float
    free_bytes: int
    free_inodes: int


def full_in(samples: Sequence[Sample]) -> float | None:
    """Seconds until bytes or inodes run out, along the straight line from the first to the last sample.

    None: it does not fill. samples: oldest first.
    """
    if len(samples) < 2:
        return None
    first, last = samples[0], samples[-1]
    seen_s = last.at_s - first.at_s
    ends = (
        left * seen_s / (before - left)
        for before, left in ((first.free_bytes, last.free_bytes), (first.free_inodes, last.free_inodes))
        if before > left
    )
    return min(ends, default=None)
