"""The target of a data folder."""

from pathlib import Path

import pytest

from stock_ops.kit.errors import CorruptFileError
from stock_ops.kit.layout import Layout
from stock_ops.kit.target import COMPOSE, LOCAL, OtherTargetError, choose_target, read_target


def test_a_new_folder_has_none_and_one_of_an_earlier_release_is_local(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert read_target(layout) is None
    assert (choose_target(layout, None), choose_target(layout, COMPOSE)) == (LOCAL, COMPOSE)
    layout.memory.write_text("{}")
    assert read_target(layout) == LOCAL


def test_what_is_remembered_needs_no_option_and_another_one_is_refused(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.target.write_text("compose\n")
    assert choose_target(layout, None) == choose_target(layout, COMPOSE) == COMPOSE
    with pytest.raises(OtherTargetError, match="runs on the target compose, not local"):
        choose_target(layout, LOCAL)


def test_a_file_that_names_no_target_is_told(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.target.write_text("cloud\n")
    with pytest.raises(CorruptFileError, match="'cloud' is no target"):
        read_target(layout)
