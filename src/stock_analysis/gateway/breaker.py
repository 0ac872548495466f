"""A circuit breaker for calls to one service.

None of the libraries fits (looked at in 2026-11): aiobreaker has had no release since 2021, pybreaker's
asynchronous calls need Tornado, and purgatory and circuitbreaker let every caller through while half open
and take a cancelled call for a failed or even for a successful one.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from stock_analysis.domain.errors import StockAnalysisError


class CircuitState(StrEnum):
    """closed: calls pass; open: none does; half_open: one does, to find out."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitOpenError(StockAnalysisError):
    """The service failed several times in a row and is left alone for a while."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


class CircuitBreaker:
    """Opens after `threshold` failures in a row; after `pause_s` a single call decides whether it closes.

    failures: exceptions that count. Any other, a cancellation above all, says nothing of the service.
    """

    def __init__(
        self,
        threshold: int,
        pause_s: float,
        failures: tuple[type[BaseException], ...],
        on_change: Callable[[CircuitState], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._threshold = threshold
        self._pause_s = pause_s
        self._failures = failures
        self._on_change = on_change
        self._clock = clock
        self._in_a_row = 0
        self._opened_at = 0.0
        self.state = CircuitState.CLOSED

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Around one call. Raises CircuitOpenError instead of letting it happen."""
        probing = self._admit()
        try:
            yield
        except self._failures:
            self._fail()
            raise
        except BaseException:
            if probing:
                self._move(CircuitState.OPEN)
            raise
        self._succeed()

    def _admit(self) -> bool:
        if self.state is CircuitState.CLOSED:
            return False
        left_s = self._opened_at + self._pause_s - self._clock()
        if self.state is CircuitState.HALF_OPEN or left_s > 0:
            raise CircuitOpenError(max(left_s, 1.0))
        self._move(CircuitState.HALF_OPEN)
        return True

    def _fail(self) -> None:
        self._in_a_row += 1
        if self.state is CircuitState.OPEN:
            return  # this call began before it opened
        if self.state is CircuitState.HALF_OPEN or self._in_a_row >= self._threshold:
            self._opened_at = self._clock()
            self._move(CircuitState.OPEN)

    def _succeed(self) -> None:
        self._in_a_row = 0
        self._move(CircuitState.CLOSED)

    def _move(self, state: CircuitState) -> None:
        if state is not self.state:
            self.state = state
            self._on_change(state)
