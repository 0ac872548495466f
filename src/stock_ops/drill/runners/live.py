"""The steady state of a drill: the live platform answers and the heartbeat beats, before it and after it."""

import asyncio
from datetime import datetime

from stock_ops.archive.facts.server import connected, database_words, read_address
from stock_ops.archive.facts.state import ArchiveState
from stock_ops.drill.plans.journal import RPO_LIMIT_S
from stock_ops.drill.runners.journal import Found
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.errors import PartError
from stock_ops.kit.layout import Layout
from stock_ops.local.facts.health import ask_platform
from stock_ops.local.facts.observe import Facts, live_host
from stock_ops.local.facts.processes import Supervisor, observe_supervisor

_HEARTBEAT = "SELECT beat_at, extract(epoch FROM clock_timestamp() - beat_at) FROM ops_heartbeat"
_LATE_BEATS = 5
_LATE_S = 10.0
"""A beat may be late on a busy machine; so many of them, or so long, is a heart that stands still."""
_TO_START = "Start it with: stockops up"


def check_platform(facts: Facts, port: int | None) -> Found:
    """Whether the live platform answers. port: None where there is none. Raises PartError."""
    if port is None:
        return Found("no platform runs beside these servers")
    host = live_host(facts)
    health = ask_platform(host, port)
    if not health.ok:
        raise PartError(f"The live platform does not answer: {health.reason}.", _TO_START)
    return Found(f"it answers at http://{host}:{port}")


def check_heartbeat(layout: Layout, settings: BackupSettings) -> Found:
    """Whether the heartbeat beats. Raises PartError."""
    if not settings.enabled:
        why = "The backups are turned off, and with them the heartbeat (enabled = false in backup.toml)."
        raise PartError(why, "Turn them on there, then: stockops up")
    beat = asyncio.run(_read_heartbeat(layout))
    limit_s = max(_LATE_S, _LATE_BEATS * settings.heartbeat_s)
    if beat is None:
        raise PartError("There was no heartbeat yet: the part `backup` never ran.", _TO_START)
    if beat[1] > limit_s:
        why = f"The heartbeat stands still for {beat[1]:.0f} s: the part `backup` does not write it."
        raise PartError(why, "`stockops status` and `stockops logs backup` say why.")
    return Found(f"the last beat is {max(0.0, beat[1]):.1f} s old", {"age_s": round(beat[1], 3)})


def check_unaffected(facts: Facts, port: int | None, before: Supervisor) -> Found:
    """Whether the live platform answers as before, by the same processes. Raises PartError."""
    found = check_platform(facts, port)
    after = observe_supervisor(facts.layout)
    for part in before.parts:
        now = after.part(part.name)
        if now is None or now.pid != part.pid:
            why = f"{part.name} was started again during the drill (pid {part.pid}, now {now and now.pid})."
            raise PartError(why, f"`stockops logs {part.name}` says why.")
    again = "no part was started again" if before.parts else "the other containers are not looked at"
    return Found(f"{found.words}; {again}", {"parts": len(before.parts)})


def judge_freshness(beat_at: datetime | None, read_at: datetime, archive: ArchiveState | None) -> Found:
    """Whether the data loss is within the limit. Raises PartError naming the obstacle of the archive.

    read_at: when the last of the log was read.
    """
    if beat_at is None:
        raise PartError("No heartbeat was recovered, so the loss cannot be measured.", _TO_START)
    lost_s = max(0.0, (read_at - beat_at).total_seconds())
    if lost_s > RPO_LIMIT_S:
        why = f"{lost_s:,.0f} s would be lost, more than {RPO_LIMIT_S:.0f} s: {_hold_up(archive)}."
        raise PartError(why, "`stockops status` and `stockops logs backup` say why.")
    return Found(f"{lost_s:.1f} s would be lost, of {RPO_LIMIT_S:.0f} s at most", {"rpo_s": round(lost_s, 3)})


def _hold_up(archive: ArchiveState | None) -> str:
    if archive is None:
        return "the archive is stopped, for the part `backup` does not run"
    if archive.last_error:
        return archive.last_error.rstrip(".")
    if not archive.streaming:
        return "the log is not received from the server"
    if archive.lag_s is not None and archive.lag_s > RPO_LIMIT_S:
        return f"the log has not reached the storage for {archive.lag_s:,.0f} s"
    return "the log reaches the storage, but the heartbeat stood still"


async def _read_heartbeat(layout: Layout) -> tuple[datetime, float] | None:
    with database_words("The heartbeat cannot be read"):
        async with connected(read_address(layout)) as connection:
            row = await connection.fetchrow(_HEARTBEAT)
    return (row[0], float(row[1])) if row else None
