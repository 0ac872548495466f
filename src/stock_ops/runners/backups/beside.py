"""An event loop in a thread of its own, which keeps its priority when the rest of the program gives way."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

_NICE = 10


class Beside:
    """Runs coroutines, one after the other, while its caller waits."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns; it is cancelled when its caller is interrupted."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextmanager
def loop_beside() -> Iterator[Beside]:
    """A loop for as long as the context lasts."""
    beside = Beside()
    try:
        yield beside
    finally:
        beside.close()


def give_way(pid: int = 0) -> None:
    """Let those who answer requests go first: this thread, and what it starts from now on, has time.

    pid: a process of the server that works for us, instead; one that has ended needs nothing.
    On Linux a priority is that of a thread, and who is not root can never raise it again.
    """
    with contextlib.suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, pid, max(_NICE, os.getpriority(os.PRIO_PROCESS, pid)))
