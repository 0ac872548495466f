"""What is mixed into the hashes of API keys goes along with them, where it is one."""

from pathlib import Path

import pytest

from stock_ops.compose.facts.engine import Engine
from stock_ops.compose.facts.stack import Files, Stack
from stock_ops.compose.runners.up import Work
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.layout import Layout
from stock_ops.kit.secret_folder import fill, put
from stock_ops.kit.secret_names import PEPPER
from stock_ops.move.plans import UnfinishedChangeError
from stock_ops.move.runners import ComposeSide


@pytest.fixture
def side(tmp_path: Path) -> ComposeSide:
    stack = Stack(Files(Layout(tmp_path)), Engine("podman-compose", "1.6", "podman", ("podman-compose",)))
    fill(stack.files.secrets)
    return ComposeSide(Work(stack, {}, ("127.0.0.1", 8080), BackupSettings("a folder", tmp_path / "key")))


def test_none_was_drawn_yet(side: ComposeSide) -> None:
    assert side.pepper() == ""


def test_the_one_that_was_drawn(side: ComposeSide) -> None:
    side.keep_pepper("p" * 43)
    assert side.pepper() == "p" * 43


def test_of_two_none_is_taken(side: ComposeSide) -> None:
    """A change of it was cut off: each key is sealed with one of them."""
    put(side.stack.files.secrets, PEPPER, ("n" * 43, "o" * 43))
    with pytest.raises(UnfinishedChangeError) as refused:
        side.pepper()
    assert refused.value.todo == "Bring it to its end with: stockops up"
