"""What a deploy that was killed left: Helm takes no change until it is put back."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from stock_ops.kubernetes.errors import NotUndoneError
from stock_ops.kubernetes.facts.release import Release
from stock_ops.kubernetes.runners import deploy
from stock_ops.kubernetes.runners.release import BroughtUpError

ENVIRONMENT = SimpleNamespace(path="test.yaml")
REPORT = SimpleNamespace(step=lambda *_, **__: nullcontext())
WORK: Any = SimpleNamespace(helm=None, environment=ENVIRONMENT, report=REPORT)


def of(*states: str) -> Release:
    return Release(
        tuple({"revision": number, "status": state} for number, state in enumerate(states, start=1))
    )


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    done: list[Any] = []
    monkeypatch.setattr(deploy, "go_back", lambda _helm, _environment, revision: done.append(revision))
    monkeypatch.setattr(deploy, "take_away", lambda *_: done.append("taken away"))
    return done


@pytest.mark.parametrize("state", ["pending-install", "pending-upgrade", "pending-rollback"])
def test_a_change_that_was_begun_and_not_ended_is_cut_off(state: str) -> None:
    assert of("superseded", "deployed", state).is_cut_off
    assert not of("superseded", "deployed").is_cut_off
    assert not of("deployed", "failed").is_cut_off
    assert not of().is_cut_off


def test_an_upgrade_goes_back_to_what_serves_and_a_first_install_is_taken_away(done: list[Any]) -> None:
    deploy.undo_cut_off(WORK, of("superseded", "deployed", "failed", "pending-upgrade"))
    deploy.undo_cut_off(WORK, of("pending-install"))
    assert done == [2, "taken away"]


def test_what_cannot_be_put_back_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise BroughtUpError("timed out")

    monkeypatch.setattr(deploy, "go_back", fail)
    with pytest.raises(NotUndoneError, match="cut off, and it could not be undone: timed out"):
        deploy.undo_cut_off(WORK, of("deployed", "pending-upgrade"))
