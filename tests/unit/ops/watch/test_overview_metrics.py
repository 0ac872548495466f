"""The metrics of the backups say what the overview says, and nothing where it says nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stock_ops.archive.facts.state import ArchiveState
from stock_ops.archive.plans.spool import SPOOL_BYTES
from stock_ops.kit.verdict import KINDS
from stock_ops.watch.facts import Standing
from stock_ops.watch.plans.metrics import render_metrics
from stock_ops.watch.plans.overview import overview
from tests.unit.ops.standings import calm, drill, week, wrong

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
MIB = 2**20


def samples(standing: Standing) -> dict[str, float]:
    """Every sample by its name, with its label behind it."""
    text = render_metrics(overview(standing, NOW)).decode()
    found = [one for family in text_string_to_metric_families(text) for one in family.samples]
    return {" ".join([one.name, *one.labels.values()]): one.value for one in found}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("observed_timestamp_seconds", NOW.timestamp()),
        ("last_success_timestamp_seconds full", week(NOW)[0].finished_at.timestamp()),
        ("last_success_timestamp_seconds incr", week(NOW)[-1].finished_at.timestamp()),
        ("last_duration_seconds full", 14.25),
        ("last_duration_seconds incr", 2.5),
        ("last_size_bytes full", 400 * MIB),
        ("last_size_bytes incr", 10 * MIB),
        ("restorable", 9),
        ("last_verified_timestamp_seconds", (NOW - timedelta(days=1)).timestamp()),
        ("archive_streaming", 1),
        ("archive_lag_seconds", 1.5),
        ("archive_failures_total", 3),
        ("archive_spool_bytes", 16 * MIB),
        ("archive_spool_limit_bytes", SPOOL_BYTES),
        ("archive_slot_retained_bytes", 16 * MIB),
        ("archive_slot_limit_bytes", 4096 * MIB),
        ("storage_used_bytes", 37 * MIB),
        ("storage_free_bytes", 90 * 1024 * MIB),
        ("recoverable_first_timestamp_seconds", week(NOW)[0].mark.at.timestamp()),
        ("recoverable_last_timestamp_seconds", NOW.timestamp() - 2),
        ("recoverable_gaps", 0),
        ("drill_last_timestamp_seconds", (NOW - timedelta(days=2)).timestamp()),
        ("drill_last_passed_timestamp_seconds", (NOW - timedelta(days=2)).timestamp()),
        ("drill_last_outcome passed", 1),
        ("drill_last_outcome failed", 0),
        ("drill_last_outcome not_run", 0),
        ("drill_last_rpo_seconds", 1.5),
        ("drill_last_rto_seconds", 21),
        ("next_backup_timestamp_seconds", (NOW + timedelta(hours=18)).timestamp()),
        ("next_drill_timestamp_seconds", (NOW + timedelta(days=5)).timestamp()),
    ],
)
def test_it_is_measured(name: str, value: float) -> None:
    standing = calm(NOW)
    standing = replace(standing, archive=replace(standing.archive, failures=3))
    assert samples(standing)[f"stock_backup_{name}"] == pytest.approx(value, abs=1e-3)


def test_each_kind_of_warning_is_there_whether_it_is_given_or_not() -> None:
    found = samples(wrong("clock-jumped", NOW))
    given = {kind: found[f"stock_backup_warning {kind}"] for kind in KINDS}
    assert given == dict.fromkeys(KINDS, 0.0) | {"clock-jumped": 1.0}


def test_what_is_not_known_has_no_series() -> None:
    nothing = replace(
        calm(NOW), contents=None, free_bytes=None, archive=ArchiveState(), drills=(), next_drill_at=None
    )
    known = {name.removeprefix("stock_backup_") for name in samples(nothing) if " " not in name}
    assert known == {
        "observed_timestamp_seconds",
        "archive_streaming",
        "archive_failures_total",
        "archive_spool_bytes",
        "archive_spool_limit_bytes",
        "next_backup_timestamp_seconds",
    }


def test_a_drill_that_failed_measured_nothing_and_does_not_hide_the_last_that_passed() -> None:
    failed = drill(NOW - timedelta(hours=1), "failed")
    found = samples(replace(calm(NOW), drills=(*calm(NOW).drills, failed)))
    assert found["stock_backup_drill_last_outcome failed"] == 1
    assert "stock_backup_drill_last_rto_seconds" not in found
    assert found["stock_backup_drill_last_passed_timestamp_seconds"] == (NOW - timedelta(days=2)).timestamp()
