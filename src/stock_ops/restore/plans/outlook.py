"""What a restore would take and lead to, before it begins. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from stock_ops.kit.errors import megabytes
from stock_ops.kit.outlook import Outlook
from stock_ops.kit.words import duration
from stock_ops.restore.facts.pace import Pace
from stock_ops.restore.plans.recovery import Choice
from stock_ops.storage.wal import SEGMENT_BYTES

_BACKUPS_PACE = 3.0
"""Without a drill: fetching, combining, recovering and comparing took so many times as long as the backup."""
_LEAST_S = 5.0


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known besides the choice itself."""

    free_bytes: int
    pace: Pace | None
    last_commit: datetime | None
    now: datetime
    zone: tzinfo
    """Of this machine."""
    typed_time: str | None
    """The time that was asked for, as it was typed."""


def outlook(choice: Choice, sight: Sight) -> Outlook:
    """Size, room, duration, the last commit, and the time that was given in UTC and here."""
    bases = [part for backup in choice.chain if (part := backup.part("base"))]
    plain, stored = sum(part.plain_bytes for part in bases), sum(part.stored_bytes for part in bases)
    seconds, by_what = expected(choice, sight, plain)
    log = len(choice.wal) * SEGMENT_BYTES
    fits = "" if sight.free_bytes >= choice.need_bytes else ": not enough"
    reached = sight.last_commit or choice.backup.mark.at
    lines = [
        ("Size", f"{megabytes(stored)} to fetch, {megabytes(plain)} unpacked; and {megabytes(log)} of log"),
        ("Room", f"{megabytes(choice.need_bytes)} needed, {megabytes(sight.free_bytes)} free{fits}"),
        ("Duration", f"about {duration(seconds)}, {by_what}"),
        ("Reaches", f"{_moments(reached, sight)}: the last commit that comes back"),
    ]
    if choice.target.kind == "time":
        lines.insert(0, ("Time", _asked(datetime.fromisoformat(choice.target.value), sight)))
    data = {
        "backup": choice.backup.id,
        "target": str(choice.target),
        "fetch_bytes": stored,
        "size_bytes": plain,
        "log_bytes": log,
        "need_bytes": choice.need_bytes,
        "free_bytes": sight.free_bytes,
        "expected_s": round(seconds, 1),
        "last_commit": reached.astimezone(UTC).isoformat(),
    }
    return Outlook(lines, data)


def expected(choice: Choice, sight: Sight, plain_bytes: int) -> tuple[float, str]:
    """Seconds, and what they were taken from."""
    if sight.pace and sight.pace.size_bytes:
        share = (plain_bytes + len(choice.wal) * SEGMENT_BYTES) / sight.pace.size_bytes
        seconds = max(_LEAST_S, sight.pace.seconds * share)
        return seconds, f"by the drill of {sight.pace.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    seconds = _BACKUPS_PACE * sum(backup.duration_s for backup in choice.chain)
    return max(_LEAST_S, seconds), "a guess from how long the backups took: no drill has shown it here yet"


def _asked(target: datetime, sight: Sight) -> str:
    typed = f"{sight.typed_time} is " if sight.typed_time else ""
    assumed = "" if _names_zone(sight.typed_time) else "; no zone was named, so UTC was assumed"
    return f"{typed}{_moments(target, sight)}, {duration((sight.now - target).total_seconds())} ago{assumed}"


def _names_zone(typed: str | None) -> bool:
    return typed is None or datetime.fromisoformat(typed).tzinfo is not None


def _moments(at: datetime, sight: Sight) -> str:
    """In UTC, and by the clock of this machine where that is another."""
    utc, here = at.astimezone(UTC), at.astimezone(sight.zone)
    told = f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    return told if here.utcoffset() == utc.utcoffset() else f"{told} ({here:%Y-%m-%d %H:%M:%S %Z} here)"
