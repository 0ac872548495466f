"""Whether both sides of a move hold the same."""

import pytest

from stock_ops.kit.errors import UnsoundDataError
from stock_ops.move.plans import ChangedOriginError, differences, refuse_changed, refuse_other

ORIGIN = {"public.bar_1d": (2, "aaaa"), "public.api_key": (0, "0000"), "public.ops_heartbeat": (1, "1111")}


def test_the_same_rows_are_no_difference_and_the_heartbeat_beats_on() -> None:
    assert differences(ORIGIN, ORIGIN | {"public.ops_heartbeat": (1, "2222")}) == []


@pytest.mark.parametrize(
    ("copy", "told"),
    [
        (ORIGIN | {"public.bar_1d": (1, "aaaa")}, "public.bar_1d: 2 rows"),
        (ORIGIN | {"public.bar_1d": (2, "bbbb")}, "public.bar_1d: 2 rows"),
        ({"public.bar_1d": (2, "aaaa")}, "public.api_key is on one side only"),
        (ORIGIN | {"public.new": (0, "0")}, "public.new is on one side only"),
    ],
)
def test_a_row_less_or_another_value_is_told_with_its_table(
    copy: dict[str, tuple[int, str]], told: str
) -> None:
    with pytest.raises(UnsoundDataError, match=told):
        refuse_other(ORIGIN, copy)


def test_an_origin_that_changed_meanwhile_is_not_left() -> None:
    with pytest.raises(ChangedOriginError, match="changed while it was copied") as refused:
        refuse_changed(ORIGIN, ORIGIN | {"public.bar_1d": (3, "cccc")})
    assert "The origin is still the instance" in refused.value.todo
    refuse_changed(ORIGIN, ORIGIN)
