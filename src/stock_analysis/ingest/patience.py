"""A store that goes away in the middle of an import is waited for."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from stock_analysis.ingest.observer import Observer
from stock_analysis.ingest.ports import StoreInterruptedError

T = TypeVar("T")

PATIENCE_S = 60.0
_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 3.0


class Patience:
    """Repeats calls while the store is away; stop: whether to give up waiting."""

    def __init__(self, longest_s: float, stop: Callable[[], bool], observer: Observer) -> None:
        self._longest_s = longest_s
        self._stop = stop
        self._observer = observer
        self._reached = False

    async def __call__(self, call: Callable[[], Awaitable[T]]) -> T:
        """The result of the call, repeated while the store is away, for longest_s at most.

        A store that was never there is not waited for.
        """
        loop, delay = asyncio.get_running_loop(), _FIRST_DELAY_S
        deadline = loop.time() + self._longest_s
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
