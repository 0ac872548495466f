"""What a deploy that was killed left: Helm takes no change until it is put back."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from stock_ops.kubernetes.cli import deploy as verbs
from stock_ops.kubernetes.errors import NotUndoneError, RefusedError
from stock_ops.kubernetes.facts.release import Release
from stock_ops.kubernetes.runners import deploy
from stock_ops.kubernetes.runners.release import BroughtUpError

ENVIRONMENT: Any = SimpleNamespace(path="test.yaml")
REPORT: Any = SimpleNamespace(step=lambda *_, **__: nullcontext())
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


def test_a_rollback_of_what_was_cut_off_leads_to_the_revision_that_serves_and_not_to_the_one_before() -> None:
    """Who asks for the version before it may name it."""
    cut_off = of("superseded", "superseded", "deployed", "pending-upgrade")
    assert deploy.target_of_rollback(cut_off, None) == 3
    assert deploy.target_of_rollback(cut_off, 2) == 2
    assert deploy.target_of_rollback(of("superseded", "deployed"), None) == 1
    with pytest.raises(RefusedError, match="first install was cut off"):
        deploy.target_of_rollback(of("pending-install"), None)


@pytest.fixture
def rolled_back(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Revisions that the verb goes back to, in a cluster whose Helm says the `states` one after the other."""
    done: list[int] = []

    def roll_back(_work: Any, _release: Release, revision: int, _known: Any) -> Any:
        done.append(revision)
        return SimpleNamespace(revision=9, seconds=1.0, commit="c", body=dict)

    monkeypatch.setattr(verbs, "opened", lambda *_: nullcontext(SimpleNamespace(helm=None, connection=None)))
    monkeypatch.setattr(verbs, "alone", lambda *_: nullcontext())
    monkeypatch.setattr(verbs, "refuse_schema", lambda *_: {})
    monkeypatch.setattr(verbs, "roll_back", roll_back)
    return done


def test_a_rollback_says_what_was_cut_off_and_what_serves(
    rolled_back: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    report: Any = SimpleNamespace(result=lambda _verb, lines, _told: told.extend(lines))
    monkeypatch.setattr(verbs, "read_release", lambda *_: of("superseded", "deployed", "pending-upgrade"))
    assert verbs._rollback(ENVIRONMENT, None, report, yes=True) == 0
    assert rolled_back == [2]
    assert ("Cut off", "Revision 3 was begun and never ended; revision 2 serves.") in told


def test_a_rollback_that_was_asked_of_another_state_changes_nothing(
    rolled_back: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    states = iter(
        [of("superseded", "deployed", "pending-upgrade"), of("superseded", "superseded", "deployed")]
    )
    monkeypatch.setattr(verbs, "read_release", lambda *_: next(states))
    with pytest.raises(RefusedError, match="another deploy has ended meanwhile"):
        verbs._rollback(ENVIRONMENT, None, REPORT, yes=True)
    assert rolled_back == []
