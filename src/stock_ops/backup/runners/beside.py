"""An event loop in a thread of its own, which keeps its priority when the rest of the program gives way."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from stock_ops.kit.signals import signals_wait

T = TypeVar("T")

_PATIENCE_S = 20.0
"""Longer than it takes to give up two connections, one after the other, to a server that is stopped."""


class Beside:
    """Runs coroutines, one after the other, while its caller waits."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
        """The result of a coroutine function; an interrupted caller cancels it and lets it tidy up first."""
        try:
            return self._begin(work, *arguments).result()
        except BaseException:
            self._end_all()
            raise

    def close(self) -> None:
        """End the thread."""
        self._end_all()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _end_all(self) -> None:
        self._begin(_end_others).result()

    def _begin(self, work: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> Future[T]:
        """Its coroutine is made where it runs: a signal to the caller can leave none that nobody awaits."""
        begun: Future[Future[T]] = Future()

        def begin() -> None:
            begun.set_result(asyncio.run_coroutine_threadsafe(work(*arguments), self._loop))

        self._loop.call_soon_threadsafe(begin)
        return begun.result()


async def _end_others() -> None:
    """Cancel all other tasks, and wait until they have tidied up, though not for ever."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for other in others:
        other.cancel()
    if others:
        await asyncio.wait(others, timeout=_PATIENCE_S)


@contextmanager
def loop_beside() -> Iterator[Beside]:
    """A loop for as long as the context lasts."""
    beside = Beside()
    try:
        yield beside
    finally:
        with signals_wait():
            beside.close()
