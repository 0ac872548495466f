"""Tables that vanished or shrank between backups, by the exact row counts in their manifests. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from stock_ops.kit.verdict import Finding, Kind, finding
from stock_ops.local.facts.structure import Structure
from stock_ops.local.plans.findings import structure_changed
from stock_ops.storage.manifest import Manifest, TableContent

SHARE = 0.5
"""A table with less than this share of its rows has shrunk."""
REMEMBERED = timedelta(days=7)
"""A loss is told for so long, unless the rows come back: a person may look at it once a week."""
_NAMED = 3
_CHUNK = re.compile(r"_timescaledb_internal\._hyper_(\d+)_\d+_chunk")
"""A hypertable's rows move between chunks, which come and go; together they are one table."""


def find_losses(
    backups: Sequence[Manifest], live: Structure, expected: Structure | None
) -> tuple[Finding, ...]:
    """What the newest backup shows of the live database. backups: oldest first, the new one last."""
    told: tuple[tuple[Kind, tuple[str, str] | None], ...] = (
        ("structure-changed", structure_changed(live, expected)),
        ("tables-shrunk", tables_shrunk(backups, backups[-1].mark.at)),
    )
    return tuple(finding(kind, *words) for kind, words in told if words)


def tables_shrunk(backups: Sequence[Manifest], now: datetime) -> tuple[str, str] | None:
    """Why rows seem to be lost, and what to do."""
    lost = shrunk(backups, now)
    if not lost:
        return None
    told = "; ".join(lost[:_NAMED])
    more = f"; and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    return (
        f"Tables have lost more than half of their rows between backups: {told}{more}.",
        "If nobody meant that, bring them back from a backup from before: `stockops backup list`.",
    )


_TRANSIENT = frozenset(
    f"public.{name}" for name in ("outbox", "event_delivery", "event_position", "event_seen", "dead_letter")
)
"""Tables that empty themselves: what was published, delivered or put right leaves them."""


def shrunk(backups: Sequence[Manifest], now: datetime) -> list[str]:
    """Each loss in words. backups: oldest first; only those of the newest one's schema version count."""
    if not backups:
        return []
    newest = backups[-1]
    earlier = [
        one
        for one in backups[:-1]
        if one.schema_version == newest.schema_version and now - one.mark.at <= REMEMBERED
    ]
    return lost_rows([one.content for one in earlier], newest.content)


def lost_rows(earlier: Iterable[Sequence[TableContent]], content: Sequence[TableContent]) -> list[str]:
    """Each table that has less than half of the most rows it had."""
    now, most = _rows(content), Counter[str]()
    for one in earlier:
        most |= _rows(one)
    return [
        f"{table} is gone with its {most[table]:,} rows"
        if table not in now
        else f"{table} has {now[table]:,} of {most[table]:,} rows"
        for table in sorted(most)
        if now[table] < SHARE * most[table]
    ]


def _rows(content: Iterable[TableContent]) -> Counter[str]:
    found: Counter[str] = Counter()
    for one in (table for table in content if table.table not in _TRANSIENT):
        found[_CHUNK.sub(r"hypertable \1", one.table)] += one.rows
    return found
