"""The clock that only goes forward, also while the machine sleeps."""

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady_s() -> float:
    """Seconds since some moment of this run of the machine."""
    return time.clock_gettime(_CLOCK)
