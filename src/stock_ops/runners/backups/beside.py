"""An event loop in a thread of its own, which keeps its priority when the rest of the program gives way."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

_PATIENCE_S = 10.0


class Beside:
    """Runs coroutines, one after the other, while its caller waits."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns; when its caller is interrupted, it is cancelled and tidies up first."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            self._settle()
            raise

    def _settle(self) -> None:
        asyncio.run_coroutine_threadsafe(_wait_for_others(), self._loop).result()

    def close(self) -> None:
        """End the thread."""
        self._settle()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _wait_for_others() -> None:
    """Until all other tasks have ended, but not for ever: a server that is stopped closes no connection."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=_PATIENCE_S)


@contextmanager
def loop_beside() -> Iterator[Beside]:
    """A loop for as long as the context lasts."""
    beside = Beside()
    try:
        yield beside
    finally:
        beside.close()
