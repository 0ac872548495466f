import struct

import pytest

from stock_ops.archive.plans.spool import (
    Slot,
    Start,
    after,
    half_made,
    is_behind,
    lost_before,
    plan_start,
    spooled,
    writing,
)
from stock_ops.storage.wal import SEGMENT_BYTES, start_of
from stock_ops.storage.walpage import HEADER_BYTES, StrangeSegmentError, check_segment

ONE, TWO, THREE = (f"0000000100000000000000{number:02X}" for number in (1, 2, 3))
LATER = "0000000200000000000000" + "02"
US = "7711756204518565054"


def head(
    segment: str, timeline: int = 1, info: int = 2, system: str = US, size: int = SEGMENT_BYTES
) -> bytes:
    return struct.pack("=HHIQI4xQII", 0xD118, info, timeline, start_of(segment), 0, int(system), size, 8192)


def test_files_are_shipped_in_the_order_of_the_log_histories_first() -> None:
    names = [f"{THREE}.partial", TWO, "00000002.history", LATER, ONE, "archive_status", f"{ONE}.tmp"]
    files = spooled(names)
    assert [one.name for one in files] == ["00000002.history", ONE, TWO, LATER, f"{THREE}.partial"]
    assert [one.object for one in files[:2]] == [
        "wal/00000002.history.zst.age",
        f"wal/00000001/{ONE}.zst.age",
    ]
    assert files[-1].object == f"wal/00000001/{THREE}.partial.zst.age"


def test_only_the_last_file_is_being_written() -> None:
    assert writing(spooled([ONE, f"{TWO}.partial"])) == spooled([f"{TWO}.partial"])[0]
    assert writing(spooled([f"{TWO}.partial", LATER])) is None
    assert writing(spooled([f"{TWO}.partial", f"{LATER}.partial"])) == spooled([f"{LATER}.partial"])[0]
    assert writing(spooled(["00000002.history"])) is None
    assert writing(()) is None


def test_without_a_slot_one_is_made_and_the_spool_is_closed_first() -> None:
    files = spooled([f"{TWO}.partial"])
    assert plan_start(1, None, files) == Start(files, drop_slot=False, create_slot=True)


@pytest.mark.parametrize("slot", [Slot(None, "lost"), Slot(1, "lost"), Slot(None, None)])
def test_a_slot_that_keeps_nothing_any_more_is_replaced(slot: Slot) -> None:
    assert plan_start(1, slot, ()) == Start((), drop_slot=True, create_slot=True)


def test_receiving_goes_on_where_it_stopped() -> None:
    slot = Slot(start_of(TWO) + 5, "reserved")
    assert plan_start(1, slot, spooled([f"{TWO}.partial"])) == Start()
    assert plan_start(2, slot, spooled([f"{TWO}.partial"])) == Start()


def test_what_was_spooled_from_a_later_timeline_is_closed_when_older_data_were_put_back() -> None:
    files = spooled(["00000002.history", f"{LATER}.partial"])
    assert plan_start(1, Slot(start_of(TWO), "extended"), files) == Start(files)


def test_a_file_that_was_being_made_is_not_as_long_as_a_segment() -> None:
    whole = {ONE: SEGMENT_BYTES, f"{TWO}.partial": SEGMENT_BYTES, "00000002.history": 41}
    assert half_made({**whole, f"{THREE}.partial": 0}) == ()
    assert half_made({**whole, f"{THREE}.partial": 8192}) == (f"{THREE}.partial",)


def test_a_gap_is_seen_by_the_name_of_the_first_segment_that_is_missing() -> None:
    assert lost_before(TWO, TWO) is None
    assert lost_before(ONE, TWO) is None  # sent again after a crash
    assert lost_before(THREE, TWO) == TWO
    assert lost_before(THREE, None) is None
    assert lost_before(LATER, TWO) is None


def test_a_server_behind_its_own_archive_is_seen() -> None:
    assert is_behind(1, start_of(TWO) - 1, TWO)
    assert not is_behind(1, start_of(TWO), TWO)
    assert not is_behind(2, 0, TWO)
    assert not is_behind(1, 0, None)


def test_segments_follow_each_other_over_the_end_of_a_log_file() -> None:
    assert after(ONE) == TWO
    assert after("0000000100000000000000FF") == "000000010000000100000000"


def test_a_segment_of_this_cluster_at_its_place_passes() -> None:
    check_segment(TWO, head(TWO), US)
    check_segment(LATER, head(LATER, timeline=1), US)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (head(TWO, system="1"), "another database cluster"),
        (head(ONE), "begins at 0/1000000"),
        (head(TWO, timeline=2), "later than its name says"),
        (head(TWO, info=0), "does not begin with the first page"),
        (head(TWO, size=2**20), "1,048,576 bytes"),
        (bytes(HEADER_BYTES), "does not begin with the first page"),
        (head(TWO)[:30], "has 30 bytes"),
    ],
)
def test_a_segment_that_is_not_what_its_name_says_is_refused(found: bytes, said: str) -> None:
    with pytest.raises(StrangeSegmentError, match=said):
        check_segment(TWO, found, US)
