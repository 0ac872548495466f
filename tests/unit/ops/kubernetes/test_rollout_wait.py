"""A version counts as rolled out once all of its pods are ready, also those asked for in the last moment."""

from types import SimpleNamespace
from typing import Any

import pytest

from stock_ops.kubernetes.runners import deploy
from stock_ops.kubernetes.runners.release import BroughtUpError

WORK: Any = SimpleNamespace(connection=None, environment=SimpleNamespace(timeout_s=40))


class Clock:
    """Seconds that pass in sleep alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(deploy, "time", clock)
    monkeypatch.setattr(deploy, "deployments_of", lambda *_: [])
    return clock


def test_a_pod_that_was_just_asked_for_is_waited_for(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "behind", lambda _: ["gateway (2 of 3 ready)"] if clock.now < 50 else [])
    deploy.verify_rollout(WORK)
    assert 50 <= clock.now < 52


def test_one_that_never_comes_ends_the_wait_with_its_name(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy, "behind", lambda _: ["gateway (2 of 3 ready)"])
    with pytest.raises(BroughtUpError, match="gateway \\(2 of 3 ready\\)"):
        deploy.verify_rollout(WORK)
    assert 60 <= clock.now < 63
