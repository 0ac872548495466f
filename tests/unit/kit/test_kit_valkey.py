import pytest
from valkey.asyncio import Valkey
from valkey.exceptions import ConnectionError as ValkeyConnectionError

from stock_analysis.gateway.limits import FallbackCounter, InMemoryCounter, ValkeyCounter
from stock_analysis.kit.cache import ValkeyCache
from stock_analysis.kit.valkey import STEP_BACK_S, SharedValkey, StepBack


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_server_that_works_is_always_asked() -> None:
    step_back = StepBack(Clock())
    assert all(step_back.may_ask() for _ in range(5))


def test_a_server_that_failed_is_left_alone_for_a_while() -> None:
    clock = Clock()
    step_back = StepBack(clock)
    step_back.note_failure()
    clock.now += STEP_BACK_S - 0.1
    assert not step_back.may_ask()


def test_after_the_while_a_single_caller_finds_out_for_all() -> None:
    clock = Clock()
    step_back = StepBack(clock)
    step_back.note_failure()
    clock.now += STEP_BACK_S
    assert [step_back.may_ask() for _ in range(5)] == [True, False, False, False, False]
    step_back.note_answer()
    assert step_back.may_ask()


def test_a_caller_that_never_tells_does_not_stop_the_asking_for_ever() -> None:
    clock = Clock()
    step_back = StepBack(clock)
    step_back.note_failure()
    for _ in range(3):
        clock.now += STEP_BACK_S
        assert step_back.may_ask()


class Waits:
    """Commands to a Valkey that hangs until it `answers`."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = False

    async def __call__(self, _: Valkey) -> str:
        self.asked += 1
        if not self.answers:
            raise TimeoutError
        return "answer"


async def test_whoever_finds_out_that_valkey_hangs_spares_the_others_the_wait() -> None:
    clock, command = Clock(), Waits()
    shared = SharedValkey(Valkey(), clock)
    cache, counter = ValkeyCache(shared, 60), FallbackCounter(ValkeyCounter(shared), InMemoryCounter())
    with pytest.raises(TimeoutError):
        await shared.ask(command)
    with pytest.raises(ValkeyConnectionError, match="left alone"):
        await shared.ask(command)
    assert command.asked == 1
    # Nobody listens, and a socket would fail the test: these two do not even try.
    await cache.put("a", b"1")
    assert await cache.get("a") is None
    assert [await counter.add("a", 1, 60) for _ in range(3)] == [1, 2, 3]


async def test_valkey_is_used_again_by_all_once_one_of_them_was_answered() -> None:
    clock, command = Clock(), Waits()
    shared = SharedValkey(Valkey(), clock)
    with pytest.raises(TimeoutError):
        await shared.ask(command)
    clock.now += STEP_BACK_S
    command.answers = True
    assert [await shared.ask(command) for _ in range(3)] == ["answer"] * 3


async def test_an_error_that_is_not_valkeys_says_nothing_about_it() -> None:
    shared = SharedValkey(Valkey(), Clock())

    async def wrong(_: Valkey) -> None:
        raise ValueError

    for _ in range(2):
        with pytest.raises(ValueError):
            await shared.ask(wrong)
