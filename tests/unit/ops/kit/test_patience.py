"""A slow machine is waited for; what stands still is not."""

import os
import time

import pytest

from stock_ops.kit import patience
from stock_ops.kit.patience import PATIENCE_VARIABLE, load_factor, operators_factor, patient, wait_for


@pytest.mark.parametrize(
    ("set_to", "factor"), [("3", 3.0), ("0.5", 0.5), ("many", 1.0), ("0", 1.0), ("-2", 1.0), ("1e9", 1.0)]
)
def test_the_operator_s_factor(monkeypatch: pytest.MonkeyPatch, set_to: str, factor: float) -> None:
    monkeypatch.setenv(PATIENCE_VARIABLE, set_to)
    assert operators_factor() == factor


@pytest.mark.parametrize(("wanting", "factor"), [(0.0, 1.0), (2.0, 1.0), (9.0, 4.5), (1000.0, 20.0)])
def test_patience_grows_with_the_load(monkeypatch: pytest.MonkeyPatch, wanting: float, factor: float) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (wanting, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.delenv(PATIENCE_VARIABLE, raising=False)
    assert load_factor() == factor
    assert patient(10.0) == 10.0 * factor


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without load, and a standstill after 0.3 s."""
    monkeypatch.setattr(patience, "load_factor", lambda: 1.0)
    monkeypatch.setattr(patience, "_STALL_S", 0.3)
    monkeypatch.setattr(patience, "_LOOK_S", 0.05)
    monkeypatch.delenv(PATIENCE_VARIABLE, raising=False)


@pytest.mark.usefixtures("hasty")
def test_what_stands_still_is_given_up_in_time() -> None:
    waited = wait_for(lambda: False, 0.4, lambda: 1)
    assert not waited.done
    assert 0.4 <= waited.seconds < 2.0


@pytest.mark.usefixtures("hasty")
def test_what_gets_on_is_waited_for_beyond_its_time() -> None:
    begun = time.monotonic()
    waited = wait_for(lambda: time.monotonic() - begun > 1.0, 0.2, time.monotonic)
    assert waited.done


@pytest.mark.usefixtures("hasty")
def test_but_not_for_ever() -> None:
    waited = wait_for(lambda: False, 0.1, time.monotonic)
    assert not waited.done
    assert 1.0 <= waited.seconds < 4.0


@pytest.mark.usefixtures("hasty")
def test_without_a_measure_of_progress_the_time_is_the_limit() -> None:
    assert not wait_for(lambda: False, 0.1).done
    assert wait_for(lambda: True, 0.0).done
