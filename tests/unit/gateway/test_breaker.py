import asyncio

import pytest

from stock_analysis.gateway.breaker import CircuitBreaker, CircuitOpenError, CircuitState


class BrokenError(Exception):
    pass


class Bench:
    """A breaker that opens after 3 failures for 10 s, with its clock and what it reported."""

    def __init__(self) -> None:
        self.now = 0.0
        self.changes: list[CircuitState] = []
        self.breaker = CircuitBreaker(3, 10.0, (BrokenError,), self.changes.append, lambda: self.now)

    def call(self, error: BaseException | None = None) -> None:
        with self.breaker.guard():
            if error is not None:
                raise error

    def state(self) -> CircuitState:
        return self.breaker.state

    def fail(self, times: int = 1) -> None:
        for _ in range(times):
            with pytest.raises(BrokenError):
                self.call(BrokenError())


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_it_opens_after_as_many_failures_in_a_row_as_the_threshold(bench: Bench) -> None:
    bench.fail(2)
    assert bench.state() is CircuitState.CLOSED
    bench.fail()
    assert bench.state() is CircuitState.OPEN
    with pytest.raises(CircuitOpenError) as caught:
        bench.call()
    assert caught.value.retry_after_s == 10.0


def test_a_success_between_failures_starts_the_count_again(bench: Bench) -> None:
    bench.fail(2)
    bench.call()
    bench.fail(2)
    assert bench.state() is CircuitState.CLOSED


def test_an_error_that_says_nothing_of_the_service_does_not_count(bench: Bench) -> None:
    for _ in range(5):
        with pytest.raises(asyncio.CancelledError):
            bench.call(asyncio.CancelledError())
    assert bench.state() is CircuitState.CLOSED
    bench.fail(2)
    with pytest.raises(asyncio.CancelledError):
        bench.call(asyncio.CancelledError())
    bench.fail()
    assert bench.state() is CircuitState.OPEN


def test_only_one_call_passes_while_it_is_half_open(bench: Bench) -> None:
    bench.fail(3)
    bench.now = 10.0
    with bench.breaker.guard():
        assert bench.state() is CircuitState.HALF_OPEN
        with pytest.raises(CircuitOpenError):
            bench.call()
    assert bench.state() is CircuitState.CLOSED


def test_a_failed_probe_opens_it_for_another_pause(bench: Bench) -> None:
    bench.fail(3)
    bench.now = 10.0
    bench.fail()
    bench.now = 19.9
    with pytest.raises(CircuitOpenError):
        bench.call()
    bench.now = 20.0
    bench.call()
    assert bench.state() is CircuitState.CLOSED


def test_a_cancelled_probe_leaves_the_next_call_to_probe(bench: Bench) -> None:
    bench.fail(3)
    bench.now = 10.0
    with pytest.raises(asyncio.CancelledError):
        bench.call(asyncio.CancelledError())
    bench.call()
    assert bench.state() is CircuitState.CLOSED


def test_every_change_is_reported_once(bench: Bench) -> None:
    bench.fail(3)
    bench.now = 10.0
    bench.call()
    assert bench.changes == [CircuitState.OPEN, CircuitState.HALF_OPEN, CircuitState.CLOSED]


def test_a_call_that_began_before_it_opened_does_not_prolong_the_pause_by_failing(bench: Bench) -> None:
    call = bench.breaker.guard()
    call.__enter__()
    bench.fail(3)
    bench.now = 9.0
    assert call.__exit__(BrokenError, BrokenError(), None) is False
    bench.now = 10.0
    bench.call()
    assert bench.state() is CircuitState.CLOSED


def test_a_call_that_began_before_it_opened_closes_it_by_succeeding(bench: Bench) -> None:
    with bench.breaker.guard():
        bench.fail(3)
    assert bench.state() is CircuitState.CLOSED
