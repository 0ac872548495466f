"""Imports: what a caller can ask for, of any source."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import groupby
from uuid import UUID

from stock_analysis.domain.actions import CorporateAction
from stock_analysis.domain.bars import Interval
from stock_analysis.domain.errors import InvalidInputError, StockAnalysisError, UnavailableError
from stock_analysis.domain.instruments import Instrument
from stock_analysis.ingest.actions import UNKNOWN_INSTRUMENT, land_actions
from stock_analysis.ingest.fetched import FetchedRows
from stock_analysis.ingest.instruments import Listing
from stock_analysis.ingest.landing import Landing, Tools, utc_now
from stock_analysis.ingest.observer import Observer, Unobserved
from stock_analysis.ingest.patience import PATIENCE_S, Patience
from stock_analysis.ingest.ports import Fetched, PriceStore, RowSource
from stock_analysis.ingest.preview import Preview, preview
from stock_analysis.ingest.quarantine import QuarantineService
from stock_analysis.ingest.rows import Rejected, Report, Run, Selection
from stock_analysis.ingest.terms import weigh


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
        watched = observer or Unobserved()
        self._store = store
        self._patiently = Patience(patience_s, stop, watched)
        self._tools = Tools(store, watched, stop, now, self._patiently)

    async def put_instruments(self, instruments: Sequence[Instrument]) -> list[str]:
        """Store instruments, changing those that differ; returns whose entry is new or changed."""
        exchanges = await self._patiently(self._store.exchanges)
        for one in instruments:
            if one.exchange not in exchanges:
                raise InvalidInputError(f"{one.symbol}: no exchange {one.exchange!r} is known")
        distinct = list({one.symbol: one for one in instruments}.values())
        touched = await self._patiently(lambda: self._store.add_instruments(distinct, update=True))
        await self._patiently(lambda: self._apply_waiting(touched))
        return touched

    async def is_done(self, sha256: bytes) -> bool:
        """Whether the source with this fingerprint was imported to its end before."""
        return await self._patiently(lambda: self._store.is_done(sha256))

    async def preview(self, source: RowSource, listing: Listing | None = None, limit: int = 10) -> Preview:
        """How a source would be read, and its first rows as they would be stored; nothing is written."""
        now = self._tools.now()
        return await self._patiently(lambda: preview(self._store, source, listing or Listing(), now, limit))

    async def import_rows(self, source: RowSource, listing: Listing | None = None) -> Report:
        """Import a source, from where an import of it was cut off.

        Raises InvalidInputError for a source that cannot be read, ImportStoppedError when told to stop,
        UnavailableError if the store stays away; in each case what was observed as advanced is safe.
        """
        what = (source.name, source.sha256, source.interval.value, source.rows_total)
        run = await self._patiently(lambda: self._store.open_run(*what))
        task = Landing(self._tools, source, run, listing or Listing())
        try:
            report = await task.carry_out()
        except (StockAnalysisError, asyncio.CancelledError) as error:
            await self._note_failure(run, error)
            raise
        if report.created:
            report.notes += await self._patiently(lambda: self._apply_waiting(report.created))
        if source.terms_given and source.terms is not None and report.landed:
            terms = source.terms
            await self._patiently(lambda: self._store.set_terms(task.symbols, terms, run.id))
        report.warnings += await self._patiently(lambda: self._weigh(task.symbols, run.id))
        return report

    async def import_actions(
        self,
        source: str,
        sha256: bytes,
        actions: Sequence[tuple[str, CorporateAction]],
        rejected: Sequence[Rejected] = (),
    ) -> Report:
        """Write corporate actions by symbol; those of unknown instruments are kept aside.

        Bars that were kept aside for a jump which a split explains are sent through the gate again.
        """
        report = await land_actions(self._store, self._patiently, source, sha256, actions, rejected)
        if report.run.counts.accepted or report.run.counts.corrected:
            symbols = sorted({symbol for symbol, _ in actions})
            report.notes += await self._patiently(lambda: self._replay(symbols, "jump"))
            report.warnings += await self._patiently(lambda: self._weigh(symbols, report.run.id))
        return report

    async def _apply_waiting(self, symbols: Sequence[str]) -> list[str]:
        """Actions that came before their instruments are replayed, then the bars that they explain."""
        notes = await self._replay(symbols, UNKNOWN_INSTRUMENT)
        return notes + (await self._replay(symbols, "jump") if notes else [])

    async def _replay(self, symbols: Sequence[str], reason: str) -> list[str]:
        notes = []
        for symbol in symbols:
            replayed = await QuarantineService(self._store, now=self._tools.now).replay(
                Selection(symbol=symbol, reason=reason)
            )
            landed = replayed.accepted + replayed.corrected
            if landed:
                what = "bars aside for a jump" if reason == "jump" else "actions that came first"
                notes.append(f"{symbol}: {landed:,} {what} landed")
        return notes

    async def _weigh(self, symbols: Sequence[str], run_id: UUID) -> list[str]:
        """Warnings where prices and splits do not fit; prices that are adjusted already are marked so."""
        warnings = []
        around = await self._store.around_splits(symbols)
        for symbol, own in groupby(around, key=lambda one: one.symbol):
            is_adjusted, told = weigh(list(own))
            warnings += told
            if is_adjusted:
                await self._store.set_terms([symbol], "split", run_id)
        return warnings

    async def import_fetched(self, fetched: Fetched, interval: Interval, provider: str) -> Report:
        """Import what a provider answered: instrument, actions, bars."""
        symbol = fetched.instrument.symbol
        await self._patiently(lambda: self._store.add_instruments([fetched.instrument]))
        source = FetchedRows(f"{provider}:{symbol}", symbol, interval, fetched.bars)
        if fetched.actions:
            digest = hashlib.sha256(b"actions" + source.sha256).digest()
            await self.import_actions(source.name, digest, [(symbol, one) for one in fetched.actions])
        return await self.import_rows(source)

    async def _note_failure(self, run: Run, error: BaseException) -> None:
        if not isinstance(error, UnavailableError):
            with suppress(UnavailableError):
                await self._store.close_run(run.id, str(error) or "it was cancelled")
