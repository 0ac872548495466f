"""What the import needs of others."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date
from typing import Protocol
from uuid import UUID

from stock_analysis.domain.actions import ActionKey, CorporateAction
from stock_analysis.domain.bars import Bars, IntArray, Interval
from stock_analysis.domain.errors import UnavailableError
from stock_analysis.domain.instruments import Exchange, Instrument
from stock_analysis.ingest.forms import Adjusted
from stock_analysis.ingest.journal import Change
from stock_analysis.ingest.rows import (
    AroundSplit,
    Counts,
    KeptAside,
    Listed,
    Numbers,
    Rejected,
    RowBatch,
    Rows,
    Run,
    Selection,
    Stated,
)

ActionGroups = dict[ActionKey, list[dict[str, object]]]
"""Stored actions as rows of their table."""


class StoreInterruptedError(UnavailableError):
    """The store went away in the middle; the same call may work in a moment."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One instrument's answer of a provider: raw bars and the actions among them.

    bars: as the source gave them, prices and volumes as traded, NaN where it had none; the quality gate is
    still to come. actions: by ex-date; dividends in raw terms.
    """

    instrument: Instrument
    bars: Bars
    actions: list[CorporateAction]


class Provider(Protocol):
    """A source of prices."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def fetch(self, symbol: str, interval: Interval, start: date, end: date) -> Fetched:
        """The bars from start to end, both inclusive.

        Raises ProviderError, saying why and what to do.
        """
        ...


class RowSource(Protocol):
    """Rows of prices to import, read in batches in the order of the source."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def sha256(self) -> bytes:
        """Fingerprint of the content and of all that changes its meaning; the same rows, the same value."""
        ...

    @property
    def interval(self) -> Interval:
        """Interval.D1 or Interval.M1."""
        ...

    @property
    def rows_total(self) -> int:
        """How many rows it has, as far as one can tell beforehand."""
        ...

    @property
    def terms(self) -> Adjusted | None:
        """What is taken out of its prices already; None = nothing tells."""
        ...

    @property
    def terms_given(self) -> bool:
        """Whether the user said so."""
        ...

    @property
    def stated(self) -> Sequence[Stated]:
        """How it is read."""
        ...

    def batches(self) -> Iterator[RowBatch]:
        """The rows from the first on; may raise InvalidInputError in the middle."""
        ...


class PriceWriter(Protocol):
    """One transaction: all that is done through it lands together, or none of it."""

    async def lock_run(self, run_id: UUID) -> int:
        """Keep other importers of this run away; returns its rows_done."""
        ...

    async def lock_instruments(self, ids: Sequence[int]) -> None:
        """Keep other writers of these instruments away."""
        ...

    async def stored(self, interval: Interval, ranges: Rows, beside: int) -> Rows:
        """The stored bars of these RANGEs, with so many beside each, as BAR, ascending, none twice."""
        ...

    async def doubted(self, interval: Interval, ranges: Rows) -> Rows:
        """Bars in the quarantine for nothing but a jump, in and around the RANGEs, as BAR in any order."""
        ...

    async def splits(self, ids: Collection[int]) -> Rows:
        """The splits of these instruments as SPLIT, ascending by instrument and time."""
        ...

    async def insert(self, interval: Interval, bars: Rows) -> None:
        """Write new BARs; none of them may be stored yet."""
        ...

    async def correct(self, interval: Interval, bars: Rows) -> None:
        """Overwrite the stored bars that have these BARs' instruments and times."""
        ...

    async def put_actions(
        self, actions: Sequence[tuple[int, CorporateAction]], *, beside: bool = False
    ) -> tuple[int, int, list[int]]:
        """Write actions by instrument id, as `restate` of the domain says; their instruments are locked.

        Returns how many were new, how many changed, and whose they are.
        """
        ...

    async def keep_aside(self, run: Run, interval: str, rows: Sequence[Rejected]) -> list[str]:
        """Write rows to the quarantine unless they are there; returns the symbols of those that were written.

        A row is there if its source and row number are, or if the same row of another source is.
        """
        ...

    async def settled_aside(self, run: Run, interval: str, rows: Sequence[Rejected]) -> set[int]:
        """The numbers of those rows that are there and were replayed or dismissed."""
        ...

    async def journal(self, run_id: UUID, interval: Interval, change: Change) -> None:
        """Record what this transaction does to bars."""
        ...

    async def action_groups(self, keys: Sequence[ActionKey]) -> ActionGroups:
        """The stored actions of each instrument, day and kind, as rows; those without any left out."""
        ...

    async def journal_actions(self, run_id: UUID, before: ActionGroups, after: ActionGroups) -> None:
        """Record what this transaction does to actions."""
        ...

    async def advance(self, run_id: UUID, counts: Counts) -> Run:
        """Record that so many more rows are safe."""
        ...

    async def bump(self, ids: Sequence[int]) -> None:
        """Give these instruments a new version."""
        ...

    async def select_aside(self, selection: Selection) -> list[KeptAside]:
        """Rows of the quarantine, by id, kept away from other writers."""
        ...

    async def edit_aside(self, row_id: int, row: dict[str, object], values: Numbers) -> None:
        """Replace a quarantined row, and the numbers in it, by an edited one."""
        ...

    async def settle_aside(self, ids: Sequence[int], state: str) -> None:
        """Close rows of the quarantine: replayed or dismissed."""
        ...

    async def note_accepted(
        self, reasons: Mapping[int, list[str]], times: Mapping[int, int], by: str
    ) -> None:
        """Record of rows that landed why they were doubted, at which bar, and who said that they are true."""
        ...

    async def doubt_again(self, reasons: Mapping[int, list[str]], times: Mapping[int, int]) -> None:
        """Give rows that stay in the quarantine their reasons, and their times where known."""
        ...


class PriceStore(Protocol):
    """Where prices are kept. Every method may raise UnavailableError, or StoreInterruptedError
    when asking again may help."""

    async def exchanges(self) -> dict[str, Exchange]:
        """All exchanges by MIC."""
        ...

    async def listed(self, symbols: Collection[str]) -> dict[str, Listed]:
        """The stored instruments among these symbols."""
        ...

    async def add_instruments(
        self, instruments: Sequence[Instrument], *, update: bool = False, run_id: UUID | None = None
    ) -> list[str]:
        """Store those that are missing; update: also change those that differ. Returns whom it touched.

        run_id: the import that brings them, to be recorded.
        """
        ...

    async def drop_empty(self, run_id: UUID) -> list[str]:
        """Remove the instruments that this import brought and that have neither bars nor actions."""
        ...

    async def around_splits(self, symbols: Collection[str]) -> list[AroundSplit]:
        """The prices on either side of each split of these instruments that lies among their daily bars."""
        ...

    async def set_terms(self, symbols: Collection[str], terms: Adjusted, run_id: UUID) -> None:
        """Record what an import says is taken out of the stored prices, as of their newest bar."""
        ...

    async def note_reading(self, run_id: UUID, listing: dict[str, str], reading: Sequence[Stated]) -> None:
        """Record what the user said of new instruments, and how the source is read."""
        ...

    async def listings(self, run_ids: Collection[UUID]) -> dict[UUID, dict[str, str]]:
        """What the users of these imports said of new instruments."""
        ...

    async def open_run(self, source: str, sha256: bytes, interval: str, rows_total: int) -> Run:
        """The newest run of the same content if it was not finished, else a new one."""
        ...

    async def close_run(self, run_id: UUID, error: str | None = None) -> Run:
        """Record that the import is done, or why it failed."""
        ...

    async def is_done(self, sha256: bytes) -> bool:
        """Whether this content was imported to its end before."""
        ...

    async def numbers_aside(self, sha256: bytes) -> IntArray:
        """The row numbers of this content that are in the quarantine, ascending."""
        ...

    async def list_aside(self, selection: Selection) -> list[KeptAside]:
        """Rows of the quarantine, by id."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[PriceWriter]:
        """A transaction, committed at the end of the block, undone if an exception leaves it."""
        ...
