"""What the way of live prices needs of others."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from stock_analysis.domain.bar_builder import BuiltBar
from stock_analysis.domain.live import LiveUpdate
from stock_analysis.domain.session_clock import SessionClock
from stock_analysis.domain.ticks import Said
from stock_analysis.ingest.rows import Listed


@dataclass(frozen=True, slots=True)
class LiveInstrument:
    """A stored instrument whose live prices are wanted."""

    listed: Listed
    clock: SessionClock


class LiveProvider(Protocol):
    """A source of live ticks."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def connect(self, symbols: Sequence[str]) -> AbstractAsyncContextManager[AsyncIterator[Said]]:
        """Connected and subscribed to these symbols, as they are stored; yields what it says.

        Raises ProviderError, on entering or while it yields, when the connection is lost or refused; what
        cannot be understood is counted and passed over.
        """
        ...


class BarLanding(Protocol):
    """Where closed bars go."""

    async def land(self, bars: Sequence[tuple[LiveInstrument, BuiltBar]], now_us: int) -> None:
        """Send bars through the quality gate; those that pass are kept, the others set aside.

        Raises UnavailableError; the same bars may be landed again.
        """
        ...


class Publisher(Protocol):
    """Where what is forming is told."""

    async def tell(self, updates: Sequence[tuple[str, LiveUpdate]]) -> None:
        """Tell updates by symbol; they may be lost."""
        ...
