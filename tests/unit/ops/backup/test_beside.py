"""Work in a loop beside tidies up before its interrupted caller goes on."""

import asyncio
import gc
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from types import FrameType

import pytest

from stock_ops.backup.runners import beside
from stock_ops.backup.runners.beside import loop_beside

INTERRUPT = signal.SIGUSR2
"""Nobody else here uses it."""


@pytest.fixture(autouse=True)
def _interrupts() -> Iterator[None]:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(INTERRUPT, interrupt)
    yield
    signal.signal(INTERRUPT, before)


async def interrupt_caller() -> None:
    """Ctrl-C, then wait for what comes."""
    main = threading.main_thread().ident
    assert main
    signal.pthread_kill(main, INTERRUPT)
    await asyncio.sleep(60)


def test_work_whose_caller_is_interrupted_tidies_up_first() -> None:
    tidied = []

    async def work() -> None:
        try:
            await interrupt_caller()
        finally:
            await asyncio.sleep(0.2)
            tidied.append("the connection")

    with loop_beside() as loop:
        with pytest.raises(KeyboardInterrupt):
            loop.run(work)
        assert tidied


def test_what_goes_wrong_while_it_tidies_up_is_told_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        try:
            await interrupt_caller()
        finally:
            raise TimeoutError("the connection does not close")

    with loop_beside() as loop, pytest.raises(KeyboardInterrupt):
        loop.run(work)
    assert not caplog.records


def test_work_that_does_not_end_keeps_nobody_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "_PATIENCE_S", 0.1)
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await interrupt_caller()
        finally:
            while not ended.is_set():
                try:
                    await ended.wait()
                except asyncio.CancelledError:
                    continue

    begun = time.monotonic()
    with loop_beside() as loop, pytest.raises(KeyboardInterrupt):
        loop.run(work)
    assert time.monotonic() - begun < 10


def interrupted_at(line: int) -> bool:
    """Run work whose caller is interrupted at the n-th line that it executes; whether it came to that."""
    left = [line]

    def trace(frame: FrameType, event: str, _argument: object) -> object:
        if event == "line" and frame.f_code.co_filename in (beside.__file__, __file__):
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
        return trace

    async def work(value: int) -> int:
        await asyncio.sleep(0)
        return value

    with loop_beside() as loop:
        sys.settrace(trace)  # type: ignore[arg-type]  # it returns itself
        try:
            assert loop.run(work, 7) == 7
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
    return left[0] <= 0


def test_wherever_the_signal_comes_python_has_nothing_to_warn_of() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        line = 1
        while interrupted_at(line):
            line += 1
        gc.collect()
    assert line > 5
    assert not told
