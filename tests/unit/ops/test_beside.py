"""Work in a loop beside tidies up before its interrupted caller goes on."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from stock_ops.runners.backups import beside
from stock_ops.runners.backups.beside import loop_beside


@contextmanager
def interrupted(after_s: float) -> Iterator[None]:
    """Ctrl-C after a while, by a signal that nobody else uses."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR2, interrupt)
    timer = threading.Timer(after_s, lambda: os.kill(os.getpid(), signal.SIGUSR2))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        signal.signal(signal.SIGUSR2, before)


def test_work_whose_caller_is_interrupted_tidies_up_first() -> None:
    tidied = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.2)
            tidied.append("the connection")

    with loop_beside() as loop, interrupted(0.1):
        with pytest.raises(KeyboardInterrupt):
            loop.run(work())
        assert tidied


def test_work_that_does_not_end_keeps_nobody_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "_PATIENCE_S", 0.1)
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await ended.wait()

    begun = time.monotonic()
    with loop_beside() as loop, interrupted(0.1), pytest.raises(KeyboardInterrupt):
        loop.run(work())
    assert time.monotonic() - begun < 30
