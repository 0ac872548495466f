"""Imports: every row goes through the gate and lands, is unchanged, corrects, or is kept aside."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeVar

import numpy as np

from stock_analysis.domain.actions import CorporateAction
from stock_analysis.domain.bars import PRICE_COLUMNS, Bars, IntArray, Interval
from stock_analysis.domain.errors import InvalidInputError, StockAnalysisError, UnavailableError
from stock_analysis.domain.instruments import Exchange, Instrument
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
from stock_analysis.ingest.ports import Fetched, PriceStore, PriceWriter, RowSource, StoreInterruptedError
from stock_analysis.ingest.rows import (
    NO_TIME,
    Counts,
    Listed,
    Numbers,
    Rejected,
    Report,
    RowBatch,
    Run,
    row_of_bar,
    time_cell,
    time_text,
)
from stock_analysis.kernels.quality import Defect

T = TypeVar("T")

PATIENCE_S = 60.0
UNKNOWN_INSTRUMENT = "unknown_instrument"
"""Why a corporate action is kept aside whose instrument is not stored; bars bring theirs with them."""
_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 3.0


class ImportStoppedError(StockAnalysisError):
    """The import was stopped; run the same command again to continue."""


class Observer(Protocol):
    """Who watches an import."""

    def started(self, run: Run) -> None:
        """An import begins, or goes on from run.rows_done."""

    def advanced(self, run: Run) -> None:
        """More rows are safe."""

    def waiting(self, error: UnavailableError, delay_s: float) -> None:
        """The store is away; it is tried again after so many seconds."""


class Unobserved:
    """Nobody watches."""

    def started(self, run: Run) -> None:
        """An import begins, or goes on from run.rows_done."""

    def advanced(self, run: Run) -> None:
        """More rows are safe."""

    def waiting(self, error: UnavailableError, delay_s: float) -> None:
        """The store is away; it is tried again after so many seconds."""


@dataclass(frozen=True, slots=True)
class Listing:
    """How an instrument that is not stored yet is listed: on the exchange said, else by its symbol."""

    exchange: str | None = None

    def instrument(self, symbol: str, exchanges: dict[str, Exchange]) -> Instrument:
        """The instrument to create. Raises InvalidInputError if the exchange is unknown."""
        mic = self.exchange or guess_exchange(symbol)
        if mic not in exchanges:
            raise InvalidInputError(f"no exchange {mic!r}; known are {', '.join(sorted(exchanges))}")
        return Instrument(symbol, symbol, mic, exchanges[mic].currency)


def guess_exchange(symbol: str) -> str:
    """The exchange that a symbol's form tells; New York where it tells nothing."""
    if len(symbol) == 6 and symbol[:5].isdigit():
        return "XKRX"
    _, _, suffix = symbol.rpartition(".")
    return _SUFFIXES.get(suffix, "XNYS") if suffix != symbol else "XNYS"


_SUFFIXES = {"KS": "XKRX", "KQ": "XKOS", "T": "XTKS", "L": "XLON", "HK": "XHKG", "DE": "XETR"}


def utc_now() -> datetime:
    """This instant."""
    return datetime.now(UTC)


class ImportService:
    """Imports rows of any source into a price store.

    patience_s: how long a store that went away in mid-import is waited for. stop: asked between batches.
    """

    def __init__(
        self,
        store: PriceStore,
        *,
        observer: Observer | None = None,
        patience_s: float = PATIENCE_S,
        stop: Callable[[], bool] = lambda: False,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._observer = observer or Unobserved()
        self._patience_s = patience_s
        self._stop = stop
        self._now = now
        self._reached = False

    async def put_instruments(self, instruments: Sequence[Instrument]) -> list[str]:
        """Store instruments, changing those that differ; returns whose entry is new or changed."""
        exchanges = await self.patiently(self._store.exchanges)
        for one in instruments:
            if one.exchange not in exchanges:
                raise InvalidInputError(f"{one.symbol}: no exchange {one.exchange!r} is known")
        distinct = list({one.symbol: one for one in instruments}.values())
        return await self.patiently(lambda: self._store.add_instruments(distinct, update=True))

    async def is_done(self, sha256: bytes) -> bool:
        """Whether the source with this fingerprint was imported to its end before."""
        return await self.patiently(lambda: self._store.is_done(sha256))

    async def import_rows(self, source: RowSource, listing: Listing | None = None) -> Report:
        """Import a source, from where an import of it was cut off.

        Raises InvalidInputError for a source that cannot be read, ImportStoppedError when told to stop,
        UnavailableError if the store stays away; in each case what was observed as advanced is safe.
        """
        what = (source.name, source.sha256, source.interval.value, source.rows_total)
        run = await self.patiently(lambda: self._store.open_run(*what))
        tools = _Tools(self._store, self._observer, self._stop, self._now, self.patiently)
        task = _Import(tools, source, run, listing or Listing())
        try:
            return await task.carry_out()
        except (StockAnalysisError, asyncio.CancelledError) as error:
            await self._note_failure(run, error)
            raise

    async def import_actions(
        self,
        source: str,
        sha256: bytes,
        actions: Sequence[tuple[str, CorporateAction]],
        rejected: Sequence[Rejected] = (),
    ) -> Report:
        """Write corporate actions by symbol; those of unknown instruments are kept aside."""
        rows = len(actions) + len(rejected)
        run = await self.patiently(lambda: self._store.open_run(source, sha256, "actions", rows))
        listed = await self.patiently(lambda: self._store.listed({symbol for symbol, _ in actions}))
        unlisted = [_unlisted(row, *pair) for row, pair in enumerate(actions, 1) if pair[0] not in listed]
        known = [(listed[symbol].id, action) for symbol, action in actions if symbol in listed]
        aside = [*rejected, *unlisted]
        settled = await self.patiently(lambda: self._land_actions(run, known, aside))
        report = Report(await self.patiently(lambda: self._store.close_run(run.id)), rows)
        for row in aside:
            if row.row_number not in settled:
                count_reasons(report.reasons, row.reasons)
        return report

    async def _land_actions(
        self, run: Run, known: list[tuple[int, CorporateAction]], aside: Sequence[Rejected]
    ) -> set[int]:
        """All of a file of actions in one transaction, unless that was done before.

        Returns the numbers of the rows aside that were replayed or dismissed before: they are unchanged.
        """
        distinct = list({(one, action.ex_date, action.kind): (one, action) for one, action in known}.values())
        async with self._store.transaction() as writer:
            done = await writer.lock_run(run.id)
            settled = await writer.settled_aside(run, "actions", aside)
            if done:
                return settled
            await writer.lock_instruments(sorted({instrument_id for instrument_id, _ in known}))
            new, changed, touched = await writer.put_actions(distinct)
            await writer.keep_aside(run, "actions", aside)
            await writer.bump(touched)
            unchanged = len(known) - new - changed + len(settled)
            counts = Counts(len(known) + len(aside), new, unchanged, changed, len(aside) - len(settled))
            await writer.advance(run.id, counts)
            return settled

    async def import_fetched(self, fetched: Fetched, interval: Interval, provider: str) -> Report:
        """Import what a provider answered: instrument, actions, bars."""
        symbol = fetched.instrument.symbol
        await self.patiently(lambda: self._store.add_instruments([fetched.instrument]))
        source = FetchedRows(f"{provider}:{symbol}", symbol, interval, fetched.bars)
        if fetched.actions:
            digest = hashlib.sha256(b"actions" + source.sha256).digest()
            await self.import_actions(source.name, digest, [(symbol, one) for one in fetched.actions])
        return await self.import_rows(source)

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """The result of the call, repeated while the store is away, for patience_s at most.

        A store that was never there is not waited for.
        """
        loop, delay = asyncio.get_running_loop(), _FIRST_DELAY_S
        deadline = loop.time() + self._patience_s
        while True:
            try:
                result = await call()
            except StoreInterruptedError as error:
                if not self._reached or loop.time() + delay > deadline or self._stop():
                    raise
                self._observer.waiting(error, delay)
            else:
                self._reached = True
                return result
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LONGEST_DELAY_S)

    async def _note_failure(self, run: Run, error: BaseException) -> None:
        if not isinstance(error, UnavailableError):
            with suppress(UnavailableError):
                await self._store.close_run(run.id, str(error) or "it was cancelled")


class _Patience(Protocol):
    """Repeats a call while the store is away."""

    async def __call__(self, call: Callable[[], Awaitable[T]]) -> T:
        """The result of the call."""
        ...


@dataclass(frozen=True, slots=True)
class _Tools:
    """What an import works with."""

    store: PriceStore
    observer: Observer
    stop: Callable[[], bool]
    now: Callable[[], datetime]
    patiently: _Patience


class _Import:
    """One import under way."""

    def __init__(self, tools: _Tools, source: RowSource, run: Run, listing: Listing) -> None:
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

    async def carry_out(self) -> Report:
        """Land all batches that are not safe yet."""
        report, loop = self._report, asyncio.get_running_loop()
        started = loop.time()
        self._exchanges = await self._tools.patiently(self._store.exchanges)
        await self._tools.patiently(self._look_aside)
        self._tools.observer.started(report.run)
        async with aclosing(self._in_pairs()) as pairs:
            async for current, following in pairs:
                await self._pass(current, following)
                if following is not None and self._tools.stop():
                    raise ImportStoppedError
        report.run = await self._tools.patiently(lambda: self._store.close_run(report.run.id))
        report.seconds = loop.time() - started
        return report

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
            self._report.created += await self._store.add_instruments(new)
            found = await self._store.listed(symbols)
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
        if len(verdict.rejected):
            rejected = _rejected(batch, verdict, self._interval)
            written = await writer.keep_aside(self._report.run, self._interval.value, rejected)
            touched |= {self._listed[symbol].id for symbol in written if symbol is not None}
            if len(written) < len(rejected):
                settled = await writer.settled_aside(self._report.run, self._interval.value, rejected)
                verdict = verdict.with_settled(np.isin(batch.number[verdict.rejected], list(settled)))
        if touched:
            await writer.bump(sorted(touched))
        counts = Counts(
            len(batch.bars),
            len(verdict.new),
            verdict.unchanged,
            len(verdict.corrected),
            len(verdict.rejected),
        )
        return await writer.advance(self._report.run.id, counts), verdict


@dataclass(frozen=True)
class FetchedRows:
    """Bars that a provider fetched, as a source."""

    name: str
    symbol: str
    interval: Interval
    bars: Bars

    @property
    def sha256(self) -> bytes:
        """Fingerprint of provider, symbol, interval and all values."""
        digest = hashlib.sha256(f"{self.name}:{self.interval}".encode())
        for column in self.bars.columns():
            digest.update(column.tobytes())
        return digest.digest()

    @property
    def rows_total(self) -> int:
        """How many bars it has."""
        return len(self.bars)

    def batches(self) -> Iterator[RowBatch]:
        """All bars at once."""
        if len(self.bars):
            yield batch_of_bars(self.symbol, self.interval, self.bars)


def batch_of_bars(symbol: str, interval: Interval, bars: Bars) -> RowBatch:
    """Bars of one instrument as rows; their numbers count from 1, in the bars' order."""
    n = len(bars)

    def rows_as_read(rows: IntArray) -> list[dict[str, object]]:
        return [row_of_bar(symbol, interval, bars, int(row)) for row in rows]

    number = np.arange(1, n + 1, dtype=np.int64)
    return RowBatch(number, np.zeros(n, np.int64), [symbol], bars, np.zeros(n, np.uint16), rows_as_read)


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


def _rejected(batch: Prepared, verdict: Verdict, interval: Interval) -> list[Rejected]:
    """The rows for the quarantine, with a time that needs no knowledge of the source wherever it was read."""
    read = batch.batch.rows_as_read(batch.index[verdict.rejected])
    found = []
    for place, row in zip(verdict.rejected.tolist(), read, strict=True):
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


def _unlisted(number: int, symbol: str, action: CorporateAction) -> Rejected:
    row = {"symbol": symbol, "ex_date": action.ex_date, "kind": action.kind, "value": action.value}
    return Rejected(number, symbol, None, row, [UNKNOWN_INSTRUMENT])


def count_reasons(counted: dict[str, int], reasons: Sequence[str]) -> None:
    """Add these reasons to the count of each."""
    for reason in reasons:
        counted[reason] = counted.get(reason, 0) + 1
