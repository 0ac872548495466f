import pytest

from stock_ops.storage.objects import history_of, segment_object, segment_of
from stock_ops.storage.wal import (
    Run,
    format_lsn,
    number_of,
    parse_lsn,
    runs,
    segment_at,
    segment_before,
    segment_name,
    segments_between,
    start_of,
)


@pytest.mark.parametrize(
    ("lsn", "name"),
    [
        ("0/0", "000000010000000000000000"),
        ("0/3000028", "000000010000000000000003"),
        ("0/FFFFFFFF", "0000000100000000000000FF"),
        ("1/0", "000000010000000100000000"),
        ("2A/10000000", "000000010000002A00000010"),
    ],
)
def test_an_lsn_lies_in_the_segment_postgresql_names(lsn: str, name: str) -> None:
    assert segment_at(1, parse_lsn(lsn)) == name
    assert format_lsn(parse_lsn(lsn)) == lsn
    assert start_of(name) <= parse_lsn(lsn) < start_of(name) + 16 * 2**20


def test_the_byte_before_a_boundary_lies_in_the_segment_before_it() -> None:
    assert segment_before(1, parse_lsn("0/4000000")) == "000000010000000000000003"
    assert segment_before(1, parse_lsn("0/4000001")) == "000000010000000000000004"


def test_segments_run_on_over_the_end_of_a_log_file() -> None:
    assert list(segments_between("0000000100000000000000FE", "000000010000000100000001")) == [
        "0000000100000000000000FE",
        "0000000100000000000000FF",
        "000000010000000100000000",
        "000000010000000100000001",
    ]


def test_a_gap_parts_two_runs_and_timelines_never_join() -> None:
    one, two, four = (segment_name(1, number) for number in (1, 2, 4))
    other = segment_name(2, 5)
    assert runs([four, one, two, two, other]) == (Run(one, two), Run(four, four), Run(other, other))


def test_an_object_says_which_segment_it_holds() -> None:
    name = segment_name(3, 700)
    assert number_of(name) == 700
    assert segment_of(segment_object(name)) == (name, False)
    assert segment_of(segment_object(name, partial=True)) == (name, True)
    assert segment_of(segment_object(name).replace("wal/00000003", "wal/00000001")) is None
    assert history_of("wal/00000002.history.zst.age") == "00000002.history"
