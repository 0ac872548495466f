"""What makes each warning of the backups, and that nothing else does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stock_ops.drill.facts.drills import Drill
from stock_ops.kit.verdict import KINDS, Kind
from stock_ops.storage.wal import segment_name
from stock_ops.watch.facts import Standing
from stock_ops.watch.plans.overview import overview
from stock_ops.watch.plans.warnings import DRILL_RUNS, FIRST_BACKUP_S, FIRST_DRILL
from tests.unit.ops.standings import (
    NEARLY,
    SECOND,
    WRONG,
    all_wrong,
    backup,
    calm,
    drill,
    last_backup,
    with_archive,
    with_contents,
    with_holdings,
    wrong,
)

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def kinds(standing: Standing) -> list[str]:
    return [warning["kind"] for warning in overview(standing, NOW)["warnings"]]


def told(standing: Standing) -> str:
    (warning,) = overview(standing, NOW)["warnings"]
    return str(warning["why"])


def test_when_all_is_well_there_is_no_warning() -> None:
    assert kinds(calm(NOW)) == []


def test_there_is_a_state_for_each_kind() -> None:
    assert set(WRONG) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_wrong_is_told_and_nothing_besides(kind: Kind) -> None:
    (warning,) = overview(wrong(kind, NOW), NOW)["warnings"]
    assert warning["kind"] == kind
    assert warning["why"].endswith((".", "full"))
    assert warning["todo"]


@pytest.mark.parametrize("kind", NEARLY)
def test_at_its_limit_it_is_not_told_yet(kind: Kind) -> None:
    assert kinds(NEARLY[kind](calm(NOW), NOW)) == []


def test_everything_at_once_is_told_at_once_what_endangers_the_data_first() -> None:
    found = kinds(all_wrong(NOW))
    assert sorted(found) == sorted(set(KINDS) - {"disk-filling"}), "a full disk is told as full alone"
    assert found[:2] == ["two-writers", "part-down"]
    assert found[-1] == "storage-same-disk"


@pytest.mark.parametrize(
    "standing",
    [
        with_archive(calm(NOW), wal_status="lost"),
        with_holdings(calm(NOW), whole=frozenset(segment_name(1, number) for number in (*range(1, 35), 36))),
    ],
    ids=["slot", "segment"],
)
def test_a_broken_chain_is_seen_by_the_slot_and_by_log_that_no_backup_leads_to(standing: Standing) -> None:
    assert kinds(standing) == ["archive-broken"]


def test_a_broken_chain_tells_until_when_a_restore_still_leads() -> None:
    assert "Nothing after 2026-11-25 06:00:12Z can be restored" in told(wrong("archive-broken", NOW))


def test_a_first_backup_has_an_hour_before_it_is_missed() -> None:
    none = with_contents(with_holdings(calm(NOW), backups=()), verifications={})
    none = replace(none, drills=())
    assert kinds(replace(none, uptime_s=FIRST_BACKUP_S)) == []
    assert kinds(replace(none, uptime_s=FIRST_BACKUP_S + 1)) == ["backup-overdue"]


def test_a_backup_is_not_missed_while_nobody_knows_what_the_storage_holds() -> None:
    away = replace(wrong("storage-unreachable", NOW), contents=None, drills=())
    assert kinds(away) == ["storage-unreachable"]


def test_the_first_drill_and_the_first_verification_have_two_days() -> None:
    def begun(first: datetime) -> Standing:
        backups = (backup(first - 12 * SECOND, 1), backup(NOW - timedelta(hours=1), 33))
        sizes = {part.name: part.stored_bytes for one in backups for part in one.parts}
        young = with_holdings(with_contents(calm(NOW), verifications={}), backups=backups, sizes=sizes)
        return replace(young, drills=())

    assert kinds(begun(NOW - FIRST_DRILL)) == []
    assert kinds(begun(NOW - FIRST_DRILL - SECOND)) == ["drill-overdue", "backup-unverified"]


def test_a_drill_that_passed_with_sabotage_is_no_rehearsal() -> None:
    sabotaged = replace(calm(NOW), drills=(drill(NOW - timedelta(hours=1), sabotage=True),))
    assert kinds(sabotaged) == ["drill-overdue"]


def test_sabotage_that_was_not_found_stays_told_until_it_is_found() -> None:
    failed = drill(NOW - timedelta(days=1), "failed", sabotage=True)
    since = drill(NOW - timedelta(hours=2))
    standing = replace(calm(NOW), drills=(*calm(NOW).drills, failed, since))
    assert "stockops drill --sabotage" in told(standing)
    found = drill(NOW - timedelta(hours=1), sabotage=True)
    assert kinds(replace(standing, drills=(*standing.drills, found))) == []


def test_a_drill_that_runs_is_none_that_failed_until_it_has_run_for_hours() -> None:
    def running(since: datetime) -> Standing:
        one = Drill("20261125T060000Z", since, None, "not_run", None, None, sabotage=False)
        return replace(calm(NOW), drills=(*calm(NOW).drills, one))

    assert kinds(running(NOW - DRILL_RUNS + SECOND)) == []
    assert "not run to its end" in told(running(NOW - DRILL_RUNS))


def test_a_drill_that_runs_does_not_hide_that_the_one_before_it_failed() -> None:
    runs = Drill("20261125T115900Z", NOW - timedelta(minutes=1), None, "not_run", None, None, sabotage=False)
    standing = wrong("drill-failed", NOW)
    assert kinds(replace(standing, drills=(*standing.drills, runs))) == ["drill-failed"]


def test_a_clock_that_was_put_back_is_seen_by_backups_from_the_future() -> None:
    assert "from the future" in told(last_backup(calm(NOW), NOW + timedelta(hours=1)))
    assert kinds(last_backup(calm(NOW), NOW + timedelta(minutes=1))) == []


def test_many_damaged_backups_are_counted() -> None:
    damaged = {f"2026110{day}T000000Z-full": "its checksum does not fit its text" for day in range(1, 6)}
    assert told(with_holdings(calm(NOW), damaged=damaged)).endswith("; and 2 more.")


def test_a_backup_whose_file_is_short_is_damaged_and_so_are_those_that_build_on_it() -> None:
    standing = calm(NOW)
    assert standing.contents
    sizes = dict(standing.contents.archive.sizes)
    last_but_one = sorted(sizes)[-2]
    found = overview(with_holdings(standing, sizes={**sizes, last_but_one: 1}), NOW)["warnings"]
    why = next(warning["why"] for warning in found if warning["kind"] == "backup-damaged")
    assert why.count(f"{last_but_one} has 1 bytes") == 2
