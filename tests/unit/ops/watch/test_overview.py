"""How the backups stand: what a restore could bring back, no more and no less, in the gateway's words."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stock_analysis.gateway.schemas import Backups
from stock_ops.archive.facts.state import ArchiveState
from stock_ops.kit.errors import OpsError
from stock_ops.local.facts.part import Break
from stock_ops.restore.plans.recovery import Request, choose
from stock_ops.storage.facts.archive import Archive
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.marks import NamedMark
from stock_ops.storage.objects import base_of
from stock_ops.storage.wal import SEGMENT_BYTES, format_lsn, segment_name
from stock_ops.watch.facts import Standing
from stock_ops.watch.plans.overview import overview
from stock_ops.watch.plans.reach import Gap, Reach, reach
from tests.unit.ops.standings import SECOND, all_wrong, archive, backup, calm, drill, with_contents, wrong

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)
FULL = backup(NOW - 3 * DAY, 1)
INCREMENT = backup(NOW - 2 * DAY, 5, parent=FULL)
SECOND_FULL = backup(NOW - DAY, 11)
ALL = archive(FULL, INCREMENT, SECOND_FULL, segments=range(1, 16))
SHIPPED = NOW - SECOND


def without(*numbers: int, of: Archive = ALL) -> Archive:
    return replace(of, whole=of.whole - {segment_name(1, number) for number in numbers})


def found(of: Archive, *breaks: Break, broken: bool = False) -> Reach:
    return reach(of, breaks, SHIPPED, broken=broken)


@pytest.mark.parametrize(
    "standing",
    [calm(NOW), all_wrong(NOW), replace(wrong("storage-unreachable", NOW), contents=None)],
    ids=["calm", "all wrong", "never reached"],
)
def test_it_is_what_the_gateway_expects(standing: Standing) -> None:
    body = overview(standing, NOW)
    read = Backups.model_validate_json(json.dumps(body))
    assert len(read.backups) == len(body["backups"])
    assert len(read.warnings) == len(body["warnings"])
    assert read.model_dump(mode="json").keys() == body.keys() - {"at"}


def test_it_tells_everything_of_the_archive_so_that_the_verbs_can_ask_for_it() -> None:
    standing = calm(NOW)
    assert ArchiveState(**overview(standing, NOW)["archive"]) == standing.archive


def test_it_tells_each_backup_and_when_it_was_found_whole() -> None:
    backups = overview(calm(NOW), NOW)["backups"]
    assert [one["kind"] for one in backups] == ["full"] + ["incr"] * 8
    assert backups[0]["id"] == "20261117T060000Z-full"
    assert backups[0]["mark_at"] == "2026-11-17T06:00:12+00:00"
    assert backups[0]["size_bytes"] == 400 * 2**20
    assert [one["verified_at"] for one in backups[-2:]] == ["2026-11-24T12:00:00+00:00", None]


def test_it_tells_what_is_kept_and_what_comes_next() -> None:
    body = overview(calm(NOW), NOW)
    assert body["storage"] == {
        "where": "/srv/backups",
        "used_bytes": 37 * 2**20,
        "free_bytes": 90 * 2**30,
        "keeps_first": True,
        "keeps_versions": False,
    }
    assert body["retention"] == {
        "keep_days": 30,
        "keep_full": 2,
        "full_every_days": 7,
        "drill_every_days": 7,
    }
    assert body["schedule"]["next_drill_at"] == "2026-11-30T12:00:00+00:00"


def test_a_folder_whose_disk_is_not_mounted_is_not_shown_as_an_empty_storage() -> None:
    standing = wrong("storage-unreachable", NOW)
    seems_empty = with_contents(standing, archive=archive(), objects=(), verifications={})
    assert overview(seems_empty, NOW) == overview(replace(standing, contents=None, free_bytes=None), NOW)
    empty = overview(replace(seems_empty, unreachable=None), NOW)["storage"]
    assert (empty["used_bytes"], empty["free_bytes"]) == (0, 90 * 2**30)
    known = overview(standing, NOW)
    assert len(known["backups"]) == 9
    assert known["storage"]["used_bytes"] == 37 * 2**20


def test_drills_that_did_not_run_are_listed_and_sabotage_is_not() -> None:
    drills = (
        drill(NOW - 3 * DAY),
        drill(NOW - 2 * DAY, "not_run"),
        drill(NOW - DAY, sabotage=True),
    )
    listed = overview(replace(calm(NOW), drills=drills), NOW)["drills"]
    assert [(one["outcome"], one["rpo_s"]) for one in listed] == [("passed", 1.5), ("not_run", None)]


def test_any_time_from_the_oldest_backup_to_what_was_shipped_last() -> None:
    assert found(ALL) == Reach((FULL, INCREMENT, SECOND_FULL), {}, FULL.mark.at, SHIPPED)


def test_without_a_backup_the_log_alone_is_nothing() -> None:
    assert found(archive()) == Reach(flaws={})


@pytest.mark.parametrize("shipped_at", [None, NOW - 2 * DAY])
def test_the_newest_mark_is_certain_whatever_is_known_of_what_was_shipped(
    shipped_at: datetime | None,
) -> None:
    assert reach(ALL, (), shipped_at).last == SECOND_FULL.mark.at


def test_log_that_is_missing_before_the_first_backup_is_no_gap() -> None:
    assert found(without(1, 2, of=archive(INCREMENT, SECOND_FULL, segments=range(16)))).gaps == ()


def test_a_gap_lies_between_the_last_certain_point_of_one_run_and_the_next_mark() -> None:
    before = SECOND_FULL.mark.at
    assert found(without(8)).gaps == (Gap(INCREMENT.mark.at, before),)
    shipped_at = NOW - timedelta(hours=30)
    known = Break(segment_name(1, 8), shipped_at)
    elsewhere = Break(segment_name(1, 9), shipped_at + SECOND)
    assert found(without(8), known, elsewhere).gaps == (Gap(shipped_at, before),)
    mark = NamedMark("release", format_lsn(7 * SEGMENT_BYTES), 1, NOW - timedelta(hours=40))
    after = replace(mark, name="later", lsn=format_lsn(10 * SEGMENT_BYTES), at=NOW - timedelta(hours=30))
    assert found(replace(without(8), marks=(mark, after))).gaps == (Gap(mark.at, before),)


def test_a_gap_ends_at_the_next_mark_even_where_the_clock_was_put_back() -> None:
    known = Break(segment_name(1, 8), NOW)
    assert found(without(8), known).gaps == (Gap(SECOND_FULL.mark.at, SECOND_FULL.mark.at),)


def test_two_places_that_are_missing_in_one_day_are_one_gap() -> None:
    assert len(found(without(8, 10)).gaps) == 1


def test_log_after_a_gap_that_no_backup_leads_to_is_of_no_use() -> None:
    left = found(without(13))
    assert (left.last, left.leads_to_present) == (SECOND_FULL.mark.at, False)
    shipped_at = NOW - timedelta(hours=1)
    assert found(without(13), Break(segment_name(1, 13), shipped_at)).last == shipped_at


def test_log_after_a_segment_that_was_never_completed_is_of_no_use() -> None:
    torn = replace(without(14), partial=frozenset([segment_name(1, 14)]))
    assert not found(torn).leads_to_present


def test_a_break_that_is_known_ends_what_can_be_restored_before_later_log_is_there() -> None:
    shipped_at = NOW - timedelta(hours=1)
    left = found(ALL, Break(segment_name(1, 17), shipped_at), broken=True)
    assert (left.last, left.leads_to_present) == (shipped_at, False)


def test_a_damaged_backup_is_not_offered_and_its_reason_is_kept() -> None:
    damaged = replace(ALL, sizes=dict(ALL.sizes) | {base_of(FULL.id): 1})
    left = found(damaged)
    assert left.backups == (SECOND_FULL,)
    assert left.first == SECOND_FULL.mark.at
    assert left.flaws is not None
    assert left.flaws.keys() == {FULL.id, INCREMENT.id}


class TestAfterARestore:
    """To a place in segment 7, where timeline 2 begins; the old one went on to segment 15."""

    HISTORY = f"1\t{format_lsn(7 * SEGMENT_BYTES + 100)}\tbefore 2026-11-24\n"
    SEGMENTS = frozenset(segment_name(2, number) for number in range(7, 10))

    def archive(self, **changes: object) -> Archive:
        restored = replace(ALL, whole=ALL.whole | self.SEGMENTS, histories={2: self.HISTORY})
        return replace(restored, **changes)  # type: ignore[arg-type]  # the names are fields

    def test_backups_of_the_past_count_and_those_of_the_abandoned_future_do_not(self) -> None:
        left = found(self.archive())
        assert left.backups == (FULL, INCREMENT)
        assert left == replace(left, last=SHIPPED, gaps=(), leads_to_present=True)

    def test_the_servers_own_histories_serve_where_those_of_the_storage_are_sealed(self) -> None:
        standing = calm(NOW)
        assert standing.contents
        sealed = replace(standing.contents, archive=self.archive(histories={}))
        standing = replace(standing, contents=sealed)
        assert overview(standing, NOW)["backups"] == []
        known = overview(replace(standing, histories={2: self.HISTORY}), NOW)["backups"]
        assert [one["id"] for one in known] == [FULL.id, INCREMENT.id]

    def test_a_history_that_makes_no_sense_is_told_as_damage(self) -> None:
        standing = calm(NOW)
        assert standing.contents
        torn = replace(standing.contents, archive=self.archive(histories={2: "9\t0/1\n"}))
        (warning, *_) = overview(replace(standing, contents=torn), NOW)["warnings"]
        assert warning["kind"] == "backup-damaged"
        assert "history of timeline 2" in warning["why"]


@settings(deadline=None)
@given(
    missing=st.sets(st.integers(1, 15)),
    partial=st.integers(1, 18),
    short=st.sets(st.sampled_from([FULL.id, INCREMENT.id, SECOND_FULL.id])),
)
def test_what_is_offered_is_what_a_restore_takes(missing: set[int], partial: int, short: set[str]) -> None:
    archive = replace(
        without(*missing),
        partial=frozenset([segment_name(1, partial)]),
        sizes={name: 1 if name.split("/")[1] in short else size for name, size in ALL.sizes.items()},
    )
    left = found(archive)

    def takes(request: Request) -> bool:
        try:
            choose(archive, request, NOW)
        except OpsError:
            return False
        return True

    def offered(one: Manifest) -> bool:
        return one in left.backups

    for one in archive.backups:
        assert takes(Request(backup=one.id)) == offered(one)
    if offered(SECOND_FULL):
        assert takes(Request()) == left.leads_to_present
    for gap in left.gaps:
        assert takes(Request(time=gap.after))
        assert takes(Request(time=gap.before))
