"""Work that goes on beside what a process serves."""

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

import structlog

log = structlog.get_logger(__name__)


@asynccontextmanager
async def beside(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Run work beside the block, and end it with the block.

    Work that ends by itself is a defect: the process ends, too, and its supervisor starts it again.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(_on_end)
    try:
        yield
    finally:
        task.remove_done_callback(_on_end)
        while not task.done():  # a driver may take the first one for a failure of its own
            task.cancel()
            await asyncio.wait([task], timeout=1)


def raise_if_cancelled() -> None:
    """To be asked before a failure is overcome: a driver may say so where the task was told to end."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _on_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        error = task.exception()
        log.critical("background work ended", error=str(error), exc_info=error)
        os._exit(70)
