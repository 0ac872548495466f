"""What would be lost is compared with a limit; what holds up the archive is named."""

from dataclasses import replace

import pytest

from stock_ops.archive.facts.state import ArchiveState
from stock_ops.drill.plans.journal import RPO_LIMIT_S
from stock_ops.drill.runners.live import judge_freshness
from stock_ops.kit.errors import PartError
from tests.unit.ops.drill.drills import after

WELL = ArchiveState(streaming=True, lag_s=0.5)


def held_up(archive: ArchiveState | None, age_s: float = RPO_LIMIT_S + 1) -> str:
    with pytest.raises(PartError) as caught:
        judge_freshness(after(-age_s), after(0), archive)
    assert caught.value.todo
    return caught.value.why


@pytest.mark.parametrize("age_s", [-1.0, 0.0, 2.5, RPO_LIMIT_S])
def test_a_loss_within_the_limit_is_told(age_s: float) -> None:
    found = judge_freshness(after(-age_s), after(0), None)
    assert found.figures == {"rpo_s": max(0.0, age_s)}


def test_an_archive_that_is_stopped_is_told_so() -> None:
    assert held_up(None, 600) == (
        "600 s would be lost, more than 60 s: the archive is stopped, for the part `backup` does not run."
    )


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (replace(WELL, last_error="The storage is full."), "more than 60 s: The storage is full."),
        (replace(WELL, streaming=False), "the log is not received from the server"),
        (replace(WELL, lag_s=90.0), "the log has not reached the storage for 90 s"),
        (WELL, "the log reaches the storage, but the heartbeat stood still"),
    ],
)
def test_what_holds_up_the_archive_is_named(archive: ArchiveState, reason: str) -> None:
    assert held_up(archive).removesuffix(".").endswith(reason.removesuffix("."))


def test_data_without_any_heartbeat_fail() -> None:
    with pytest.raises(PartError, match="No heartbeat was recovered"):
        judge_freshness(None, after(0), WELL)
