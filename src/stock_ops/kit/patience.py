"""How long to wait: longer on a machine that is slow now, and for as long as what is waited for gets on.

A time-out says that something is wrong. On a busy machine it would only say that the machine is busy.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

PATIENCE_VARIABLE = "STOCKOPS_PATIENCE"
"""The operator's own factor on every wait; 1 if it is not set."""
_LONGEST_FACTOR = 20.0
_STALL_S = 30.0
"""What has got on within this time is not given up."""
_LOOK_S = 1.0
"""Looking costs, and takes from what is waited for."""
_AT_MOST = 10.0
"""But so many times the patience is the end of it."""


@dataclass(frozen=True, slots=True)
class Waited:
    """How a wait ended."""

    done: bool
    seconds: float


def patient(seconds: float) -> float:
    """A time-out for this machine as it is now: by the operator's factor and the load of its processors."""
    return seconds * operators_factor() * load_factor()


def operators_factor() -> float:
    """What the operator set; what is no number from 0.1 to 1000 counts as 1."""
    try:
        factor = float(os.environ.get(PATIENCE_VARIABLE, "1"))
    except ValueError:
        return 1.0
    return factor if 0.1 <= factor <= 1000 else 1.0


def load_factor() -> float:
    """How many times as long as usual work takes now: processes that want a processor for each there is."""
    try:
        wanting = os.getloadavg()[0]
    except OSError:
        return 1.0
    return min(_LONGEST_FACTOR, max(1.0, wanting / (os.cpu_count() or 1)))


def wait_for(
    done: Callable[[], bool],
    seconds: float,
    progress: Callable[[], object] | None = None,
    *,
    pause_s: float = 0.04,
) -> Waited:
    """Wait until it is done, for so many seconds, and on while it gets on.

    progress: another value whenever what is waited for has got on, such as bytes of a log or seconds of a
    processor. While it changed within the last 30 s the wait goes on, ten times as long at most. Without it,
    the wait grows with the load of the machine.
    """
    begun = changed = looked = time.monotonic()
    seen = progress() if progress else None
    while not done():
        now = time.monotonic()
        if progress and now - looked >= _LOOK_S:
            looked = now
            if (latest := progress()) != seen:
                seen, changed = latest, now
        limit_s = seconds * operators_factor() * (1.0 if progress else load_factor())
        gets_on = progress and now - changed < _STALL_S and now - begun < _AT_MOST * limit_s
        if now - begun >= limit_s and not gets_on:
            return Waited(False, now - begun)
        time.sleep(pause_s)
    return Waited(True, time.monotonic() - begun)
