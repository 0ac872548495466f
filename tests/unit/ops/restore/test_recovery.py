"""Which backup and which log a restore takes, and what it refuses."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from stock_ops.kit.errors import DamagedBackupError, MissingWalError, NoBackupError, OpsError, OutOfReachError
from stock_ops.restore.facts.progress import Target
from stock_ops.restore.plans.moments import find_branch
from stock_ops.restore.plans.recovery import Choice, Request, choose, left_behind
from stock_ops.storage.facts.archive import Archive, Branch, Passage
from stock_ops.storage.manifest import Manifest, Mark, StoredPart, TableContent
from stock_ops.storage.marks import NamedMark
from stock_ops.storage.objects import base_of
from stock_ops.storage.timelines import Held, Leg, run_along, way_to
from stock_ops.storage.wal import SEGMENT_BYTES, format_lsn, segment_name

DAY = datetime(2026, 11, 24, tzinfo=UTC)
NOW = DAY + timedelta(days=30)


def hour(number: float) -> datetime:
    return DAY + timedelta(hours=number)


def lsn(segment: int, offset: int = 4096) -> str:
    return format_lsn(segment * SEGMENT_BYTES + offset)


def backup(at: float, segment: int, *, parent: Manifest | None = None, timeline: int = 1) -> Manifest:
    """A backup begun at an hour, whose log goes from a segment to the next."""
    kind = "incr" if parent else "full"
    name = f"{hour(at):%Y%m%dT%H%M%SZ}-{kind}"
    return Manifest(
        id=name,
        kind=kind,  # type: ignore[arg-type]
        parent=parent.id if parent else None,
        system_identifier="7",
        timeline=timeline,
        start_lsn=lsn(segment),
        stop_lsn=lsn(segment, 8192),
        mark=Mark(f"backup-{name}", lsn(segment + 1), hour(at + 0.1)),
        first_segment=segment_name(timeline, segment),
        last_segment=segment_name(timeline, segment + 1),
        started_at=hour(at),
        finished_at=hour(at + 0.1),
        duration_s=1,
        postgresql="18.6",
        schema_version=4,
        extensions={},
        structure_sha256="0",
        content=(TableContent("public.bar", 1, "1"),),
        parts=(StoredPart(base_of(name), "base", 1000, "1", 100, "2"),),
        valkey_keys=0,
        compression_level=1,
    )


def archive(*backups: Manifest, segments: range = range(40), partial: int | None = 40) -> Archive:
    """These backups, and the log of the first timeline."""
    return Archive(
        where="/storage",
        system_identifier="7",
        backups=backups,
        damaged={},
        sizes={base_of(one.id): 100 for one in backups},
        whole=frozenset(segment_name(1, number) for number in segments),
        partial=frozenset([segment_name(1, partial)] if partial is not None else []),
        histories={},
        marks=(),
    )


FULL = backup(0, 2)
INCREMENT = backup(24, 10, parent=FULL)
SECOND = backup(48, 20, parent=INCREMENT)
ALL = archive(FULL, INCREMENT, SECOND)


def refused(archive: Archive, request: Request, kind: type[OpsError]) -> str:
    with pytest.raises(kind) as caught:
        choose(archive, request, NOW)
    assert caught.value.todo
    return f"{caught.value.why} {caught.value.todo}"


def names(choice: Choice) -> list[str]:
    return [held.name for held in choice.wal]


def test_latest_takes_the_newest_chain_and_all_log_since_with_the_unfinished_segment() -> None:
    choice = choose(ALL, Request(), NOW)
    assert [one.id for one in choice.chain] == [FULL.id, INCREMENT.id, SECOND.id]
    assert choice.target == Target("latest")
    assert names(choice) == [segment_name(1, number) for number in range(20, 41)]
    assert [held.partial for held in choice.wal] == [False] * 20 + [True]


def test_a_time_takes_the_newest_backup_before_it_and_no_log_after_a_commit_that_is_later() -> None:
    passed = replace(ALL, passage=Passage(hour(70), 21))
    choice = choose(passed, Request(time=hour(30)), NOW)
    assert choice.backup == INCREMENT
    assert not choice.end_is_target
    assert names(choice) == [segment_name(1, number) for number in range(10, 22)]
    assert choice.target == Target("time", "2026-11-25T06:00:00+00:00")


def test_a_time_after_the_last_backup_takes_all_log() -> None:
    choice = choose(ALL, Request(time=hour(60)), NOW)
    assert choice.backup == SECOND
    assert names(choice)[-1] == segment_name(1, 40)


def test_a_backup_by_its_name_is_restored_to_its_own_mark() -> None:
    choice = choose(ALL, Request(backup=INCREMENT.id), NOW)
    assert choice.target == Target("mark", INCREMENT.mark.name)
    assert names(choice) == [segment_name(1, 10), segment_name(1, 11)]
    assert choose(ALL, Request(mark=INCREMENT.id), NOW) == choice


def test_a_backup_with_latest_begins_there_and_goes_on_to_the_end() -> None:
    choice = choose(ALL, Request(backup=FULL.id, latest=True), NOW)
    assert choice.backup == FULL
    assert names(choice)[-1] == segment_name(1, 40)


def test_a_named_mark_takes_the_newest_backup_before_it() -> None:
    marked = replace(ALL, marks=(NamedMark("before-import", lsn(15), 1, hour(30)),))
    choice = choose(marked, Request(mark="before-import"), NOW)
    assert choice.backup == INCREMENT
    assert choice.target == Target("mark", "before-import")
    assert names(choice)[-1] == segment_name(1, 15)
    said = refused(marked, Request(mark="other"), OutOfReachError)
    assert "before-import" in said


def test_a_time_that_is_out_of_reach_is_refused_with_what_is_possible() -> None:
    known = replace(ALL, passage=Passage(hour(70), None))
    for time, word in ((hour(-1), "before"), (NOW + timedelta(days=1), "future")):
        said = refused(known, Request(time=time), OutOfReachError)
        assert word in said
        assert "2026-11-24 00:06:00Z to the last commit that was shipped" in said
    said = refused(known, Request(time=hour(71)), OutOfReachError)
    assert "after the last commit" in said
    assert "2026-11-24 00:06:00Z to 2026-11-26 22:00:00Z" in said


def test_a_time_of_another_zone_is_told_in_utc() -> None:
    early = hour(-1).astimezone(timezone(timedelta(hours=9)))
    assert "2026-11-23 23:00:00Z lies before" in refused(ALL, Request(time=early), OutOfReachError)


def test_a_time_after_the_last_commit_is_reached_where_a_later_mark_was_shipped() -> None:
    quiet = replace(ALL, passage=Passage(hour(26), None))
    choice = choose(quiet, Request(time=hour(47)), NOW)
    assert choice.backup == INCREMENT
    assert choice.end_is_target
    assert names(choice)[-1] == segment_name(1, 40)
    unfinished = NamedMark("later", lsn(40), 1, hour(60))
    said = refused(replace(quiet, marks=(unfinished,)), Request(time=hour(50)), OutOfReachError)
    assert "to 2026-11-26 00:06:00Z" in said
    read = replace(quiet, marks=(unfinished,), passage=Passage(hour(26), None, frozenset(["later"])))
    assert choose(read, Request(time=hour(50)), NOW).end_is_target
    broken = replace(quiet, backups=(FULL, INCREMENT), whole=ALL.whole - {segment_name(1, 30)})
    said = refused(broken, Request(time=hour(47)), MissingWalError)
    assert segment_name(1, 30) in said
    assert '--time "2026-11-25 02:00:00Z"' in said


def test_an_empty_storage_is_named() -> None:
    assert "/storage" in refused(archive(), Request(), NoBackupError)


def test_a_gap_in_the_log_is_named_and_nothing_is_lost_unsaid() -> None:
    broken = replace(ALL, whole=ALL.whole - {segment_name(1, 30)})
    said = refused(broken, Request(), MissingWalError)
    assert segment_name(1, 30) in said
    assert segment_name(1, 31) in said
    assert choose(broken, Request(backup=SECOND.id), NOW).backup == SECOND
    by_time = choose(broken, Request(time=hour(60)), NOW)
    assert names(by_time)[-1] == segment_name(1, 29)
    assert by_time.gap


def test_a_partial_segment_with_later_ones_is_a_gap() -> None:
    broken = replace(ALL, whole=ALL.whole - {segment_name(1, 30)}, partial=frozenset([segment_name(1, 30)]))
    told = f"{segment_name(1, 30)} up to {segment_name(1, 31)}"
    assert told in refused(broken, Request(), MissingWalError)


def test_a_gap_before_a_mark_is_named() -> None:
    marked = replace(
        ALL,
        whole=ALL.whole - {segment_name(1, 14)},
        marks=(NamedMark("before-import", lsn(15), 1, hour(30)),),
    )
    assert segment_name(1, 14) in refused(marked, Request(mark="before-import"), MissingWalError)


@pytest.mark.parametrize("harm", ["missing", "short", "log", "parent"])
def test_a_damaged_backup_is_refused_and_the_older_one_named(harm: str) -> None:
    sizes = dict(ALL.sizes)
    broken = {
        "missing": lambda: replace(
            ALL, sizes={name: size for name, size in sizes.items() if SECOND.id not in name}
        ),
        "short": lambda: replace(ALL, sizes=sizes | {base_of(SECOND.id): 99}),
        "log": lambda: replace(ALL, whole=ALL.whole - {segment_name(1, 21)}),
        "parent": lambda: replace(ALL, sizes=sizes | {base_of(INCREMENT.id): 99}),
    }[harm]()
    said = refused(broken, Request(), DamagedBackupError)
    assert SECOND.id in said
    older = FULL if harm == "parent" else INCREMENT
    assert f"--backup {older.id} --latest" in said


def test_a_manifest_that_cannot_be_read_is_not_passed_over() -> None:
    broken = replace(
        ALL, backups=(FULL, INCREMENT), damaged={SECOND.id: "its checksum does not fit its text"}
    )
    said = refused(broken, Request(), DamagedBackupError)
    assert "checksum" in said
    assert f"--backup {INCREMENT.id} --latest" in said
    assert choose(broken, Request(backup=INCREMENT.id, latest=True), NOW).backup == INCREMENT
    assert choose(broken, Request(time=hour(30)), NOW).backup == INCREMENT


def test_a_backup_after_the_target_is_refused() -> None:
    assert "--backup" in refused(ALL, Request(time=hour(30), backup=SECOND.id), OutOfReachError)


# --- timelines ----------------------------------------------------------------------------------

HISTORY = f"1\t{lsn(25, 5000)}\tno recovery target specified\n"


def branched() -> Archive:
    """A restore at segment 25 began timeline 2; the first timeline had gone on to 40."""
    second = {segment_name(2, number) for number in range(25, 30)}
    after = backup(80, 27, timeline=2)
    return replace(
        archive(FULL, INCREMENT, backup(70, 33), after),
        whole=ALL.whole | second,
        partial=frozenset([segment_name(1, 40), segment_name(2, 30)]),
        histories={2: HISTORY},
    )


def test_the_newest_timeline_is_followed_and_what_it_left_behind_is_not() -> None:
    latest = choose(branched(), Request(), NOW)
    assert latest.timeline == 2
    assert latest.backup.timeline == 2
    assert names(latest) == [segment_name(2, number) for number in range(27, 31)]


def test_a_backup_from_before_the_branch_leads_over_it() -> None:
    choice = choose(branched(), Request(time=hour(72)), NOW)
    assert choice.backup == INCREMENT
    assert names(choice)[14:16] == [segment_name(1, 24), segment_name(2, 25)]


def test_the_timeline_that_was_left_can_be_gone_back_to_by_its_number() -> None:
    back = choose(branched(), Request(timeline=1), NOW)
    assert back.timeline == 1
    assert back.backup == next(one for one in branched().backups if one.first_segment.endswith("21"))
    assert names(back)[-1] == segment_name(1, 40)
    left = back.backup.id
    assert "--timeline 1" in refused(branched(), Request(backup=left), OutOfReachError)
    assert "1, 2" in refused(branched(), Request(timeline=5), OutOfReachError)


@pytest.mark.parametrize(
    ("archive", "request_", "left"),
    [
        (ALL, Request(), None),
        (ALL, Request(backup=FULL.id, latest=True), None),
        (ALL, Request(backup=FULL.id), 1),
        (ALL, Request(time=hour(60)), 1),
        (branched(), Request(), None),
        (branched(), Request(timeline=1), 2),
        (branched(), Request(timeline=2), None),
        (branched(), Request(time=hour(81)), 2),
    ],
)
def test_the_end_of_the_newest_timeline_is_left_behind_unless_it_is_what_comes_back(
    archive: Archive, request_: Request, left: int | None
) -> None:
    assert left_behind(archive, choose(archive, request_, NOW), NOW) == left


def test_an_end_that_is_out_of_reach_is_no_way_back() -> None:
    gap = replace(ALL, whole=ALL.whole - {segment_name(1, 30)})
    assert left_behind(gap, choose(gap, Request(time=hour(60)), NOW), NOW) is None
    torn = replace(branched(), histories={2: ""})
    assert left_behind(torn, choose(torn, Request(timeline=1), NOW), NOW) is None


@pytest.mark.parametrize(
    "why",
    [
        "before 2026-11-26 06:00:00+00",
        "before 2026-11-26 11:30:00.00+05:30",
        'at restore point "before import"',
        f'at restore point "{SECOND.mark.name}"',
    ],
)
def test_a_restore_that_left_what_came_later_is_found(why: str) -> None:
    marks = (NamedMark("before import", lsn(25), 1, hour(54)),)
    backups = (*branched().backups, SECOND)
    history = {2: f"1\t{lsn(25, 5000)}\t{why}\n"}
    archive = replace(branched(), histories=history, marks=marks, backups=backups)
    at = SECOND.mark.at if SECOND.mark.name in why else hour(54)
    branch = find_branch(archive, hour(60))
    assert branch
    assert (branch.left.timeline, branch.begun.timeline, branch.at) == (1, 2, at)
    assert find_branch(archive, hour(48)) is None


@pytest.mark.parametrize(
    "why",
    ["no recovery target specified", "before noon", "before noon+00", 'at restore point "unknown"', ""],
)
def test_a_timeline_that_was_left_at_its_end_hides_nothing(why: str) -> None:
    history = {2: f"1\t{lsn(25, 5000)}\t{why}\n"}
    assert find_branch(replace(branched(), histories=history), hour(60)) is None


def test_a_time_that_only_the_timeline_that_was_left_knows_is_refused_with_the_way_there() -> None:
    left, begun = way_to(2, HISTORY)
    archive = replace(branched(), branch=Branch(left, begun, hour(54), hour(72)))
    for time in (hour(54), hour(60)):
        said = refused(archive, Request(time=time), OutOfReachError)
        assert f'stockops restore --timeline 1 --time "{time:%Y-%m-%d %H:%M:%S}Z"' in said
    for time in (hour(53), hour(72)):
        assert choose(archive, Request(time=time), NOW).timeline == 2
    unknown = replace(branched(), branch=Branch(left, begun, hour(54)))
    assert choose(unknown, Request(time=hour(60)), NOW).timeline == 2


def test_a_missing_segment_right_after_the_branch_is_a_gap_although_the_old_timeline_has_that_number() -> (
    None
):
    broken = replace(branched(), whole=branched().whole - {segment_name(2, 25)})
    said = refused(broken, Request(backup=INCREMENT.id, latest=True), MissingWalError)
    assert f"{segment_name(2, 25)} up to {segment_name(2, 26)}" in said
    by_time = choose(broken, Request(time=hour(60), backup=INCREMENT.id), NOW)
    assert by_time.wal[-1] == Held(segment_name(1, 25), partial=False, length=5000)


def test_what_lies_behind_the_branch_is_not_taken_from_the_old_timelines_segment_of_that_number() -> None:
    after, mark = backup(80, 25, timeline=2), NamedMark("late", lsn(25, 9000), 2, hour(90))
    after = replace(
        after,
        mark=replace(after.mark, lsn=lsn(25, 8000)),
        last_segment=after.first_segment,
        start_lsn=lsn(25, 6000),
    )
    archive = replace(branched(), backups=(FULL, INCREMENT, after), marks=(mark,))
    assert choose(archive, Request(backup=after.id), NOW).backup == after
    assert choose(archive, Request(mark="late", backup=INCREMENT.id), NOW).wal[-1].name == segment_name(2, 25)
    broken = replace(archive, whole=archive.whole - {segment_name(2, 25)})
    told = f"segment {segment_name(2, 25)} of the log is missing"
    for wanted in (Request(backup=after.id), Request(backup=after.id, latest=True)):
        assert told in refused(broken, wanted, DamagedBackupError)
    said = refused(broken, Request(mark="late", backup=INCREMENT.id), MissingWalError)
    assert segment_name(2, 25) in said


def test_a_way_reads_comments_and_refuses_what_does_not_lead_there() -> None:
    text = "# comment\n\n1\t0/3000000\treason with words\n2\t0/5000000\tmore\n"
    assert way_to(3, text) == (
        Leg(1, 0, 0x3000000),
        Leg(2, 0x3000000, 0x5000000),
        Leg(3, 0x5000000, None),
    )
    for wrong in ("", "3\t0/1\tx\n", "2\t0/1\tx\n1\t0/2\tx\n", "what\n"):
        with pytest.raises(ValueError):
            way_to(3, wrong)


def test_a_run_ends_with_the_first_partial_segment() -> None:
    held = list(run_along(way_to(1, None), 1, {segment_name(1, 1)}, {segment_name(1, 2)}))
    assert held == [Held(segment_name(1, 1), partial=False), Held(segment_name(1, 2), partial=True)]
