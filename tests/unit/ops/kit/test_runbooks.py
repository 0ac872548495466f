"""The runbooks, as the terminal shows them."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from stock_ops.kit import runbooks
from tests.unit.ops.told import ROOT


def test_each_is_there_with_its_title() -> None:
    found = {path.stem for path in (ROOT / "docs/runbooks").glob("*.md")}
    assert set(runbooks.names()) == found
    assert runbooks.title("two-writers") == "Two writers"


def test_an_unknown_one_names_those_that_there_are() -> None:
    with pytest.raises(runbooks.UnknownRunbookError, match="two-writers"):
        runbooks.read("two-riters")


@pytest.mark.parametrize("name", runbooks.names())
def test_nothing_of_markdown_is_left_that_a_terminal_cannot_show(name: str) -> None:
    text = runbooks.read(name)
    assert "](" not in text
    assert "|" not in text.replace("||", "")
    assert "## Mitigation" in text


def test_paragraphs_and_items_are_lines_of_their_own() -> None:
    page = "# A\n\nOne\ntwo.\n\n- first\n  goes on\n- second\n1. third, see [b](drill-failed.md)\n"
    assert runbooks.unfold(page).split("\n") == [
        "# A",
        "",
        "One two.",
        "",
        "- first goes on",
        "- second",
        "1. third, see b (`stockops runbook drill-failed`)",
    ]


def test_the_wheel_has_them(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"stock_ops/_resources/runbooks/{name}.md" for name in runbooks.names()} <= set(names)
