"""The rows of a source, batch by batch: each lands, is unchanged, corrects, or is kept aside."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from stock_analysis.domain.bars import PRICE_COLUMNS, IntArray, Interval
from stock_analysis.domain.errors import StockAnalysisError
from stock_analysis.domain.instruments import Exchange
from stock_analysis.ingest.gate import (
    BESIDE,
    Prepared,
    SeenKeys,
    Verdict,
    following_rows,
    judge,
    prepare,
    spans,
)
from stock_analysis.ingest.instruments import Listing
from stock_analysis.ingest.journal import Change, keys_of
from stock_analysis.ingest.observer import Observer
from stock_analysis.ingest.patience import Patience
from stock_analysis.ingest.ports import PriceStore, PriceWriter, RowSource
from stock_analysis.ingest.reading import describe_instruments
from stock_analysis.ingest.rows import (
    NO_TIME,
    Counts,
    Listed,
    Numbers,
    Rejected,
    Report,
    RowBatch,
    Run,
    count_reasons,
    time_cell,
    time_text,
)
from stock_analysis.ingest.terms import check_given_terms, check_same_terms
from stock_analysis.kernels.quality import Defect


def utc_now() -> datetime:
    """This instant."""
    return datetime.now(UTC)


ASIDE_ROWS = 10_000


class ImportStoppedError(StockAnalysisError):
    """The import was stopped; run the same command again to continue."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What an import works with."""

    store: PriceStore
    observer: Observer
    stop: Callable[[], bool]
    now: Callable[[], datetime]
    patiently: Patience


class Landing:
    """The rows of one source on their way through the gate into the store."""

    def __init__(self, tools: Tools, source: RowSource, run: Run, listing: Listing) -> None:
        self._tools = tools
        self._store = tools.store
        self._source = source
        self._interval = source.interval
        self._listing = listing
        self._listed: dict[str, Listed] = {}
        self._exchanges: dict[str, Exchange] = {}
        self._seen = SeenKeys()
        self._aside = np.empty(0, np.int64)
        self._report = Report(run)

    @property
    def symbols(self) -> list[str]:
        """The symbols of the rows, as far as they are read."""
        return sorted(self._listed)

    async def carry_out(self) -> Report:
        """Land all batches that are not safe yet."""
        report, loop = self._report, asyncio.get_running_loop()
        started = loop.time()
        self._exchanges = await self._tools.patiently(self._store.exchanges)
        await self._tools.patiently(self._look_aside)
        self._tools.observer.started(report.run)
        async with aclosing(self._in_pairs()) as pairs:
            async for current, following in pairs:
                if not report.reading:
                    await self._tools.patiently(self._say_reading)
                await self._pass(current, following)
                if following is not None and self._tools.stop():
                    raise ImportStoppedError
        report.run = await self._tools.patiently(lambda: self._store.close_run(report.run.id))
        report.seconds = loop.time() - started
        if report.created or not report.landed:
            dropped = await self._tools.patiently(lambda: self._store.drop_empty(report.run.id))
            report.created = [one for one in report.created if one not in dropped]
        return report

    async def _say_reading(self) -> None:
        """Before the first row lands, tell how the source is read, and its first instruments."""
        listing = self._listing
        places = describe_instruments(
            list(self._listed.values()), self._report.created, listing, self._exchanges
        )
        self._report.reading = [*self._source.stated, *places]
        await self._store.note_reading(self._report.run.id, listing.said, self._report.reading)
        self._tools.observer.reading(self._report.run, self._report.reading)

    async def _in_pairs(self) -> AsyncGenerator[tuple[Prepared, Prepared | None]]:
        """Every batch with the one after it, which the gate looks ahead to."""
        current: Prepared | None = None
        async with aclosing(_read_ahead(self._source)) as batches:
            async for batch in batches:
                following = await self._prepare(batch)
                if current is not None:
                    yield current, following
                current = following
        if current is not None:
            yield current, None

    async def _prepare(self, batch: RowBatch) -> Prepared:
        missing = set(batch.symbols) - self._listed.keys()
        if missing:
            await self._tools.patiently(lambda: self._list(missing))
        return prepare(batch, self._interval, self._listed, self._exchanges, self._tools.now())

    async def _list(self, symbols: set[str]) -> None:
        found = await self._store.listed(symbols)
        new = [self._listing.instrument(one, self._exchanges) for one in sorted(symbols - found.keys())]
        if new:
            run_id = self._report.run.id
            self._report.created += await self._store.add_instruments(new, run_id=run_id)
            found = await self._store.listed(symbols)
        if self._source.terms_given:
            check_given_terms(
                self._source.terms, [one for one in found.values() if one.symbol not in self._report.created]
            )
        self._listed |= found

    async def _pass(self, batch: Prepared, following: Prepared | None) -> None:
        """Land the rows of a batch that are not safe yet, and remember all that landed."""
        report = self._report
        while True:
            done = batch.number <= report.run.rows_done
            self._remember(batch[done])
            batch = batch[~done]
            if not len(batch):
                return
            before = report.run.rows_done
            report.run, verdict = await self._land_patiently(batch, following)
            report.rows_here += report.run.rows_done - before
            self._tools.observer.advanced(report.run)
            if verdict is not None:
                self._seen.add(batch.bars[verdict.landed], self._interval)
                for defects in verdict.defects[verdict.rejected].tolist():
                    count_reasons(report.reasons, Defect(defects).reasons)
                return
            await self._tools.patiently(self._look_aside)

    async def _land_patiently(
        self, batch: Prepared, following: Prepared | None
    ) -> tuple[Run, Verdict | None]:
        return await self._tools.patiently(lambda: self._land(batch, following))

    def _remember(self, batch: Prepared) -> None:
        """Take note of bars that landed before."""
        landed = batch.sound & ~np.isin(batch.number, self._aside)
        self._seen.add(batch.bars[landed], self._interval)

    async def _look_aside(self) -> None:
        self._aside = await self._store.numbers_aside(self._source.sha256)

    async def _land(self, batch: Prepared, following: Prepared | None) -> tuple[Run, Verdict | None]:
        """One transaction: bars, quarantine, progress and versions together.

        The run is locked and asked first, so that no row is counted twice: not when the connection broke
        after a commit, not when two importers work on one source. No verdict: the run is further than known.
        """
        async with self._store.transaction() as writer:
            run = self._report.run
            if await writer.lock_run(run.id) != run.rows_done:
                return await writer.advance(run.id, Counts()), None
            await writer.lock_instruments(batch.instruments)
            verdict = await self._judge(writer, batch, following)
            if not self._source.terms_given:
                check_same_terms(verdict, {one.id: one.symbol for one in self._listed.values()})
            return await self._write(writer, batch, verdict)

    async def _judge(self, writer: PriceWriter, batch: Prepared, following: Prepared | None) -> Verdict:
        return judge(
            batch,
            self._interval,
            stored=await writer.stored(self._interval, spans(batch, self._interval), BESIDE),
            doubted=await writer.doubted(self._interval, spans(batch, self._interval, wider=True)),
            following=following_rows(batch, following),
            splits=await writer.splits(batch.instruments),
            seen=self._seen,
        )

    async def _write(self, writer: PriceWriter, batch: Prepared, verdict: Verdict) -> tuple[Run, Verdict]:
        touched = {
            int(one) for bars in (verdict.new, verdict.corrected) for one in np.unique(bars["instrument"])
        }
        if len(verdict.new):
            await writer.insert(self._interval, verdict.new)
        if len(verdict.corrected):
            await writer.correct(self._interval, verdict.corrected)
        settled: set[int] = set()
        for places in _parts(verdict.rejected):
            rejected = rejected_rows(batch, verdict, places, self._interval)
            written = await writer.keep_aside(self._report.run, self._interval.value, rejected)
            touched |= {self._listed[symbol].id for symbol in written if symbol is not None}
            if len(written) < len(rejected):
                settled |= await writer.settled_aside(self._report.run, self._interval.value, rejected)
        if settled:
            verdict = verdict.with_settled(np.isin(batch.number[verdict.rejected], list(settled)))
        if touched:
            await writer.bump(sorted(touched))
        change = Change(keys_of(verdict.new), keys_of(verdict.equal), verdict.replaced)
        if any(map(len, change.parts)):
            await writer.journal(self._report.run.id, self._interval, change)
        counts = Counts(
            len(batch.bars),
            len(verdict.new),
            verdict.unchanged,
            len(verdict.corrected),
            len(verdict.rejected),
        )
        return await writer.advance(self._report.run.id, counts), verdict


async def _read_ahead(source: RowSource) -> AsyncGenerator[RowBatch]:
    """The batches, each read in a thread while the one before is written."""
    batches = source.batches()
    pending = asyncio.ensure_future(asyncio.to_thread(next, batches, None))
    try:
        while (batch := await pending) is not None:
            pending = asyncio.ensure_future(asyncio.to_thread(next, batches, None))
            yield batch
    finally:
        await asyncio.wait([pending])
        if not pending.cancelled():
            pending.exception()


def _parts(places: IntArray) -> Iterator[IntArray]:
    """Some of them at a time: a row for the quarantine takes a kilobyte on its way there."""
    for first in range(0, len(places), ASIDE_ROWS):
        yield places[first : first + ASIDE_ROWS]


def rejected_rows(batch: Prepared, verdict: Verdict, places: IntArray, interval: Interval) -> list[Rejected]:
    """The rows for the quarantine, with a time that needs no knowledge of the source wherever it was read."""
    read = batch.batch.rows_as_read(batch.index[places])
    found = []
    for place, row in zip(places.tolist(), read, strict=True):
        code, t = int(batch.batch.symbol[batch.index[place]]), int(batch.bars["t"][place])
        if t != NO_TIME and "line" not in row:
            row[time_cell(interval)] = time_text(interval, t)
        symbol = batch.batch.symbols[code] if code >= 0 else None
        reasons = Defect(int(verdict.defects[place])).reasons
        values = _numbers(batch.bars[place])
        number, when = int(batch.number[place]), None if t == NO_TIME else t
        found.append(Rejected(number, symbol, when, row, reasons, values))
    return found


def _numbers(bar: np.void) -> Numbers:
    cells = (float(bar[name]) for name in PRICE_COLUMNS)
    return tuple(None if np.isnan(one) else one for one in cells)
