from datetime import UTC, datetime, timedelta

import pytest

from stock_ops.archive.plans.shipping import (
    HEAVY_BYTES,
    QUIET_BYTES,
    RESUME_BYTES,
    Sample,
    add_sample,
    forget_shipped,
    has_rested,
    is_mended,
    lag_s,
    may_receive,
    shipped_at,
    wants_switch,
)
from stock_ops.archive.plans.spool import SPOOL_BYTES
from stock_ops.storage.wal import segment_name
from tests.unit.ops.standings import backup

START = datetime(2026, 11, 24, 3, 15, tzinfo=UTC)


def seen(*positions: tuple[float, int]) -> tuple[Sample, ...]:
    """The server as it was looked at: seconds and position."""
    samples: tuple[Sample, ...] = ()
    for second, lsn in positions:
        samples = add_sample(samples, lsn, second, START + timedelta(seconds=second))
    return samples


def test_nothing_is_behind_when_all_that_was_seen_is_shipped() -> None:
    assert lag_s(seen((0, 100), (1, 200)), 200, 5) == 0
    assert shipped_at(seen((0, 100), (1, 200)), 200) == START + timedelta(seconds=1)


def test_the_lag_is_the_age_of_the_oldest_log_that_is_not_shipped() -> None:
    samples = seen((0, 100), (1, 200), (2, 300), (3, 400))
    assert lag_s(samples, 250, 10) == 9
    assert shipped_at(samples, 250) == START + timedelta(seconds=1)


def test_a_server_that_rests_grows_no_lag_and_one_whose_log_waits_does() -> None:
    samples = seen((0, 100), (1, 200), *((float(second), 200) for second in range(2, 60)))
    assert lag_s(samples, 200, 60) == 0
    assert shipped_at(samples, 200) == START + timedelta(seconds=59)
    assert lag_s(samples, 100, 60) == 60
    assert lag_s(seen((0, 200), (30, 200)), None, 60) == 60


def test_nothing_is_known_of_a_server_that_was_not_seen() -> None:
    assert lag_s((), 100, 5) is None
    assert lag_s((), None, 5) is None
    assert shipped_at(seen((0, 100)), None) is None
    assert shipped_at(seen((0, 100)), 50) is None


def test_what_is_shipped_is_forgotten_but_for_the_time_of_its_end() -> None:
    samples = seen((0, 100), (1, 200), (2, 300))
    assert forget_shipped(samples, 250) == samples[1:]
    assert forget_shipped(samples, 50) == samples
    assert lag_s(forget_shipped(samples, 250), 250, 10) == lag_s(samples, 250, 10) == 9


def test_older_data_that_were_put_back_begin_anew() -> None:
    assert seen((0, 500), (1, 600), (2, 100)) == seen((2, 100))


def test_hours_without_the_storage_take_little_memory_and_forgets_no_beginning() -> None:
    samples = seen(*((float(second), 100 + second) for second in range(20_000)))
    assert len(samples) <= 1_500
    assert lag_s(samples, None, 20_000) == 20_000
    assert lag_s(samples, 99, 20_000) == 20_000
    halfway = lag_s(samples, 100 + 10_000, 20_000)
    assert halfway is not None
    assert 10_000 <= halfway < 10_000 + 200


def test_receiving_pauses_at_the_bound_and_goes_on_when_half_is_shipped() -> None:
    assert may_receive(SPOOL_BYTES - 1, receiving=True)
    assert not may_receive(SPOOL_BYTES, receiving=True)
    assert not may_receive(RESUME_BYTES + 1, receiving=False)
    assert may_receive(RESUME_BYTES, receiving=False)


def test_the_newest_segment_rests_as_long_as_it_took() -> None:
    assert has_rested(10.0, ended_s=9.0, took_s=1.0)
    assert not has_rested(10.0, ended_s=9.0, took_s=1.5)


def test_only_a_server_at_rest_with_a_large_segment_begins_a_new_one() -> None:
    assert wants_switch(HEAVY_BYTES, QUIET_BYTES - 1)
    assert not wants_switch(HEAVY_BYTES, QUIET_BYTES)
    assert not wants_switch(HEAVY_BYTES - 1, 0)


@pytest.mark.parametrize(
    ("timeline", "segment", "mended"), [(1, 9, False), (1, 10, True), (1, 11, True), (2, 3, True)]
)
def test_a_full_backup_of_later_log_mends_the_chain(timeline: int, segment: int, *, mended: bool) -> None:
    full = backup(START, segment, timeline=timeline)
    assert is_mended(segment_name(1, 10), [full]) is mended
    assert not is_mended(segment_name(1, 10), [backup(START, segment, parent=full, timeline=timeline)])
