"""Imports: what a caller can ask for, of any source."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from stock_analysis.domain.actions import CorporateAction
from stock_analysis.domain.bars import Interval
from stock_analysis.domain.errors import InvalidInputError, StockAnalysisError, UnavailableError
from stock_analysis.domain.instruments import Instrument
from stock_analysis.ingest.actions import land_actions
from stock_analysis.ingest.fetched import FetchedRows
from stock_analysis.ingest.instruments import Listing
from stock_analysis.ingest.landing import Landing, Tools
from stock_analysis.ingest.observer import Observer, Unobserved
from stock_analysis.ingest.patience import PATIENCE_S, Patience
from stock_analysis.ingest.ports import Fetched, PriceStore, RowSource
from stock_analysis.ingest.rows import Rejected, Report, Run


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
        return await self._patiently(lambda: self._store.add_instruments(distinct, update=True))

    async def is_done(self, sha256: bytes) -> bool:
        """Whether the source with this fingerprint was imported to its end before."""
        return await self._patiently(lambda: self._store.is_done(sha256))

    async def import_rows(self, source: RowSource, listing: Listing | None = None) -> Report:
        """Import a source, from where an import of it was cut off.

        Raises InvalidInputError for a source that cannot be read, ImportStoppedError when told to stop,
        UnavailableError if the store stays away; in each case what was observed as advanced is safe.
        """
        what = (source.name, source.sha256, source.interval.value, source.rows_total)
        run = await self._patiently(lambda: self._store.open_run(*what))
        try:
            return await Landing(self._tools, source, run, listing or Listing()).carry_out()
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
        return await land_actions(self._store, self._patiently, source, sha256, actions, rejected)

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
