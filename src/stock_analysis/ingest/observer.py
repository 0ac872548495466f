"""Who watches an import while it runs."""

from collections.abc import Sequence
from typing import Protocol

from stock_analysis.domain.errors import UnavailableError
from stock_analysis.ingest.rows import Run, Stated


class Observer(Protocol):
    """Who watches an import."""

    def started(self, run: Run) -> None:
        """An import begins, or goes on from run.rows_done."""

    def reading(self, run: Run, stated: Sequence[Stated]) -> None:
        """How the source is read, before its first row lands."""

    def advanced(self, run: Run) -> None:
        """More rows are safe."""

    def waiting(self, error: UnavailableError, delay_s: float) -> None:
        """The store is away; it is tried again after so many seconds."""


class Unobserved:
    """Nobody watches."""

    def started(self, run: Run) -> None:
        """An import begins, or goes on from run.rows_done."""

    def reading(self, run: Run, stated: Sequence[Stated]) -> None:
        """How the source is read, before its first row lands."""

    def advanced(self, run: Run) -> None:
        """More rows are safe."""

    def waiting(self, error: UnavailableError, delay_s: float) -> None:
        """The store is away; it is tried again after so many seconds."""
