"""One verdict on the page: nothing is green above what is red."""

import pytest

from stock_analysis.gateway.schemas import Backups, Part
from stock_analysis.gateway.verdict import verdict_of
from stock_ops.kit.verdict import Finding, judge
from tests.contract.gateway.backup_part import backup_report

WELL = Part(name="postgresql", healthy=True, reason=None, version="18", latency_ms=1.0)
DOWN = Part(name="valkey", healthy=False, reason="no answer", version=None, latency_ms=1.0)


def backups(*severities: str) -> Backups:
    findings = [Finding(f"kind-{n}", one, "Why.", "Todo.") for n, one in enumerate(severities)]  # type: ignore[arg-type]  # a literal
    return Backups.model_validate(backup_report(verdict=judge(findings).body()))


def test_all_well_is_everything_works() -> None:
    found = verdict_of([WELL], backups("info"), None)
    assert (found.state, found.headline) == ("ok", "everything works")


def test_without_backups_the_parts_alone_count() -> None:
    assert verdict_of([WELL], None, None).state == "ok"
    assert verdict_of([WELL, DOWN], None, None).state == "critical"


@pytest.mark.parametrize(
    ("severities", "state"), [(("warning",), "warning"), (("warning", "critical", "info"), "critical")]
)
def test_it_is_as_bad_as_what_the_part_says(severities: tuple[str, ...], state: str) -> None:
    found = verdict_of([WELL], backups(*severities), None)
    assert found.state == state
    assert found.headline == backups(*severities).verdict.headline


def test_a_part_that_does_not_answer_is_critical() -> None:
    found = verdict_of([WELL], None, "no answer within 3 s")
    assert [one.kind for one in found.findings] == ["backup-part-down"]
    assert found.state == "critical"


def test_an_unhealthy_part_is_told_once() -> None:
    found = verdict_of([DOWN], backups("warning"), None)
    assert [one.kind for one in found.findings] == ["part-down", "kind-0"]
    assert "valkey: no answer" in found.findings[0].why
