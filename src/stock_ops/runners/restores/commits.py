"""When the last transaction was committed whose log is in the storage: read from the log's end backwards."""

import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from stock_ops.repository.timelines import Held
from stock_ops.runners.commands import run_to_end
from stock_ops.runners.restores.fetch import Workshop, fetch_segment
from stock_ops.runners.restores.scratch import Place

_COMMIT = re.compile(r"desc: COMMIT(?:_PREPARED)? (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC")
_MOST_SEGMENTS = 8
"""Further back nobody looks: the heartbeat commits every few seconds."""
_TO_ITS_END = ("/bin/sh", "-c", 'TZ=UTC "$@" 2>/dev/null || true', "-")
"""pg_waldump calls it a failure when a log ends that is still being written."""


def find_last_commit(shop: Workshop, wal: tuple[Held, ...]) -> datetime | None:
    """Time of the last commit in the log; None when its last segments hold none."""
    with tempfile.TemporaryDirectory(prefix="stockops-log-") as folder:
        for held in wal[: -_MOST_SEGMENTS - 1 : -1]:
            segment = fetch_segment(shop, held, Path(folder))
            if found := _commits(shop.place, segment):
                return max(found)
            segment.unlink()
    return None


def _commits(place: Place, segment: Path) -> list[datetime]:
    command: list[str | Path] = [*_TO_ITS_END, place.binaries / "pg_waldump", "-r", "Transaction", segment]
    text = run_to_end(place.programs, command, what="pg_waldump", user=place.account)
    return [datetime.fromisoformat(time).replace(tzinfo=UTC) for time in _COMMIT.findall(text)]
