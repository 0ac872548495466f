"""A dry run: how a source would be read, and its first rows as they would be stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from stock_analysis.domain.bars import PRICE_COLUMNS
from stock_analysis.ingest.gate import Prepared, prepare
from stock_analysis.ingest.instruments import Listing
from stock_analysis.ingest.ports import PriceStore, RowSource
from stock_analysis.ingest.reading import describe_instruments
from stock_analysis.ingest.rows import NO_TIME, Listed, Stated, time_text
from stock_analysis.kernels.quality import Defect


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One row as it would be stored, and what is wrong with it alone."""

    symbol: str
    when: str
    values: tuple[float, ...]
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class Preview:
    """How a source would be read."""

    source: str
    stated: Sequence[Stated]
    rows: list[PreviewRow]


async def preview(
    store: PriceStore, source: RowSource, listing: Listing, now: datetime, limit: int
) -> Preview:
    """The first rows of a source as they would be stored; nothing is written.

    Each row is judged alone: jumps and repeats show themselves among others only.
    """
    batch = next(source.batches(), None)
    if batch is None:
        return Preview(source.name, source.stated, [])
    exchanges = await store.exchanges()
    listed = await store.listed(batch.symbols)
    new = sorted(set(batch.symbols) - listed.keys())
    for number, symbol in enumerate(new):
        one = listing.instrument(symbol, exchanges)
        listed[symbol] = Listed(_UNUSED_ID + number, symbol, one.exchange, one.currency)
    places = describe_instruments([listed[one] for one in batch.symbols], new, listing, exchanges)
    prepared = prepare(batch, source.interval, listed, exchanges, now)
    by_row = sorted(range(len(prepared)), key=lambda place: int(prepared.number[place]))[:limit]
    rows = [_row(prepared, place, source) for place in by_row]
    return Preview(source.name, [*source.stated, *places], rows)


_UNUSED_ID = 1 << 30


def _row(prepared: Prepared, place: int, source: RowSource) -> PreviewRow:
    bar, code = prepared.bars[place], int(prepared.batch.symbol[prepared.index[place]])
    when = "?" if bar["t"] == NO_TIME else time_text(source.interval, int(bar["t"]))
    symbol = prepared.batch.symbols[code] if code >= 0 else "?"
    reasons = Defect(int(prepared.defects[place])).reasons
    return PreviewRow(symbol, when, tuple(float(bar[name]) for name in PRICE_COLUMNS), reasons)
