"""Closed bars through the quality gate: into rows, or back to whoever watches a replay."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime

import numpy as np
import structlog

from stock_analysis.domain.bar_builder import BuiltBar
from stock_analysis.domain.bars import Interval
from stock_analysis.domain.instruments import Exchange
from stock_analysis.domain.live import Origin
from stock_analysis.domain.ticks import MICROSECONDS
from stock_analysis.ingest.gate import BESIDE, Prepared, judge, prepare, spans
from stock_analysis.ingest.journal import Change, keys_of
from stock_analysis.ingest.landing import rejected_rows
from stock_analysis.ingest.live.batch import batch_of_built
from stock_analysis.ingest.live.pipeline import live_bar
from stock_analysis.ingest.live.ports import LiveInstrument, Publisher
from stock_analysis.ingest.ports import PriceStore, PriceWriter
from stock_analysis.ingest.rows import BAR, SPLIT, Counts, Rows, Run
from stock_analysis.kernels.quality import Defect

log = structlog.get_logger(__name__)

Closed = Sequence[tuple[LiveInstrument, BuiltBar]]


class RowLanding:
    """Into the price store: one run of import for each provider and day, as recorded for `runs`.

    Bars, quarantine, versions, journal and progress commit together; a bar that is stored already with the
    same values changes nothing, so that landing it again is safe.
    """

    def __init__(self, store: PriceStore, provider: str, exchanges: Mapping[str, Exchange]) -> None:
        self._store = store
        self._provider = provider
        self._exchanges = exchanges
        self._run: Run | None = None
        self._day: date | None = None

    async def land(self, bars: Closed, now_us: int) -> None:
        """Land bars in one transaction. Raises UnavailableError."""
        now = datetime.fromtimestamp(now_us / MICROSECONDS, UTC)
        run = await self._run_of(now.date())
        async with self._store.transaction() as writer:
            done = await writer.lock_run(run.id)
            batch = batch_of_built(bars, done + 1)
            listed = {one.listed.symbol: one.listed for one, _ in bars}
            prepared = prepare(batch, Interval.M1, listed, self._exchanges, now)
            await writer.lock_instruments(prepared.instruments)
            self._run = await self._write(writer, run, prepared)

    async def close(self) -> None:
        """The day's import is done."""
        if self._run is not None:
            await self._store.close_run(self._run.id)
            self._run = None

    async def _run_of(self, day: date) -> Run:
        if self._run is None or self._day != day:
            await self.close()
            digest = hashlib.sha256(f"live:{self._provider}:{day}".encode()).digest()
            self._run = await self._store.open_run(f"live:{self._provider} {day}", digest, "1m", 0)
            self._day = day
        return self._run

    async def _write(self, writer: PriceWriter, run: Run, prepared: Prepared) -> Run:
        verdict = judge(
            prepared,
            Interval.M1,
            stored=await writer.stored(Interval.M1, spans(prepared, Interval.M1), BESIDE),
            doubted=await writer.doubted(Interval.M1, spans(prepared, Interval.M1, wider=True)),
            following=np.empty(0, BAR),
            splits=await writer.splits(prepared.instruments),
        )
        touched = set(_instruments(verdict.new)) | set(_instruments(verdict.corrected))
        if len(verdict.new):
            await writer.insert(Interval.M1, verdict.new)
        if len(verdict.corrected):
            await writer.correct(Interval.M1, verdict.corrected)
        if len(verdict.rejected):
            rejected = rejected_rows(prepared, verdict, verdict.rejected, Interval.M1)
            await writer.keep_aside(run, Interval.M1.value, rejected)
            touched |= {int(prepared.bars["instrument"][place]) for place in verdict.rejected.tolist()}
            for one in rejected:
                log.warning("live bar set aside", symbol=one.symbol, reasons=one.reasons)
        if touched:
            await writer.bump(sorted(touched))
        change = Change(keys_of(verdict.new), keys_of(verdict.equal), verdict.replaced)
        if any(map(len, change.parts)):
            await writer.journal(run.id, Interval.M1, change)
        counts = Counts(
            len(prepared.bars),
            len(verdict.new),
            verdict.unchanged,
            len(verdict.corrected),
            len(verdict.rejected),
        )
        return await writer.advance(run.id, counts)


class ReplayLanding:
    """Through the same gate, and then told as closed; nothing is written, for it is stored already."""

    def __init__(
        self,
        origin: Origin,
        exchanges: Mapping[str, Exchange],
        publisher: Publisher,
        on_closed: Callable[[BuiltBar], None] = lambda _: None,
    ) -> None:
        self._origin = origin
        self._exchanges = exchanges
        self._publisher = publisher
        self._on_closed = on_closed
        self._last: Rows = np.empty(0, BAR)

    async def land(self, bars: Closed, now_us: int) -> None:
        """Judge the bars beside those before them, and tell those that pass."""
        now = datetime.fromtimestamp(now_us / MICROSECONDS, UTC)
        listed = {one.listed.symbol: one.listed for one, _ in bars}
        prepared = prepare(batch_of_built(bars, 1), Interval.M1, listed, self._exchanges, now)
        nothing = np.empty(0, BAR)
        verdict = judge(
            prepared,
            Interval.M1,
            stored=self._last[~np.isin(self._last["t"], prepared.bars["t"])],
            doubted=nothing,
            following=nothing,
            splits=np.empty(0, SPLIT),
        )
        self._last = np.concatenate([self._last, prepared.bars[verdict.landed]])[-BESIDE:]
        sound = {(int(t)) for t in prepared.bars["t"][verdict.landed]}
        told = [(one, bar) for one, bar in bars if bar.t in sound]
        for place in verdict.rejected.tolist():
            reasons = Defect(int(verdict.defects[place])).reasons
            log.warning("replayed bar not told", t=int(prepared.bars["t"][place]), reasons=reasons)
        for _, bar in told:
            self._on_closed(bar)
        await self._publisher.tell(
            [(one.listed.symbol, live_bar(self._origin, one, bar, 0)) for one, bar in told]
        )


def _instruments(bars: Rows) -> list[int]:
    return [int(one) for one in np.unique(bars["instrument"])]
