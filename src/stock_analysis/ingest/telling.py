"""What a transaction did to bars, told as events that commit with it.

One event a symbol, interval, kind of change and transaction, not one a bar: an import writes hundreds of
thousands of bars a second. Where the transaction has few, as when a minute closes, the bars travel along.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg
import numpy as np

from stock_analysis.domain.bars import PRICE_COLUMNS, Interval
from stock_analysis.domain.events import LONGEST_LIST, BarsChange, BarsChanged, Columns, encode_payload
from stock_analysis.ingest.rows import Rows
from stock_analysis.kit.db import load_queries
from stock_analysis.kit.events import Topic
from stock_analysis.kit.outbox import NewEvent, put_events

SOURCE = "stock-analysis/ingest"
FEW_BARS = 2000
"""Bars of one transaction that still travel in its events."""

SQL = load_queries("stock_analysis.ingest")


@dataclass(frozen=True, slots=True)
class _Group:
    """Bars of one instrument that changed in one way; bars: ascending, or none if they do not travel."""

    instrument: int
    interval: Interval
    change: BarsChange
    first: int
    last: int
    count: int
    bars: Rows | None


class Telling:
    """Collects what one transaction does, and puts it into the outbox at its end."""

    def __init__(self) -> None:
        self._changes: list[tuple[Interval, BarsChange, Rows]] = []
        self._moved: list[_Group] = []

    def note(self, interval: Interval, change: BarsChange, bars: Rows) -> None:
        """These BARs were closed, corrected, or removed."""
        if len(bars):
            self._changes.append((interval, change, bars))

    def note_range(self, instrument: int, interval: Interval, first: int, last: int, count: int) -> None:
        """So many bars from `first` to `last` belong to this instrument now, which had others there."""
        if count:
            self._moved.append(_Group(instrument, interval, "closed", first, last, count, None))

    async def put(self, connection: asyncpg.Connection) -> None:
        """Put the events into the outbox; the instruments are locked, and have their new versions.

        Of an instrument that is gone, its own event says that its bars are, too.
        """
        groups = [*self._groups(), *self._moved]
        if not groups:
            return
        ids = sorted({group.instrument for group in groups})
        rows = await connection.fetch(SQL["versions"], ids)
        known = {row["id"]: (row["symbol"], row["version"]) for row in rows}
        events = [_event(one, *known[one.instrument]) for one in groups if one.instrument in known]
        await put_events(connection, SOURCE, events)

    def _groups(self) -> Iterator[_Group]:
        travel = sum(len(bars) for _, _, bars in self._changes) <= FEW_BARS
        for interval, change, bars in self._changes:
            yield from _grouped(interval, change, bars, travel=travel)


def _grouped(interval: Interval, change: BarsChange, bars: Rows, *, travel: bool) -> Iterator[_Group]:
    ids = bars["instrument"]
    if (ids[1:] < ids[:-1]).any():
        bars = bars[np.argsort(ids, kind="stable")]
        ids = bars["instrument"]
    starts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
    ends = np.append(starts[1:], len(bars))
    first = np.minimum.reduceat(bars["t"], starts).tolist()
    last = np.maximum.reduceat(bars["t"], starts).tolist()
    for row, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        few = travel and end - start <= LONGEST_LIST
        own = np.sort(bars[start:end], order="t") if few else None
        yield _Group(int(ids[start]), interval, change, first[row], last[row], end - start, own)


def _event(group: _Group, symbol: str, version: int) -> NewEvent:
    columns = None
    if group.bars is not None:
        values = {name: group.bars[name].tolist() for name in PRICE_COLUMNS}
        columns = Columns(t=group.bars["t"].tolist(), **values)
    payload = BarsChanged(
        symbol=symbol,
        interval=group.interval,
        change=group.change,
        first=group.first,
        last=group.last,
        count=group.count,
        version=version,
        bars=columns,
    )
    return NewEvent(Topic.BARS, symbol, payload.schema, encode_payload(payload))
