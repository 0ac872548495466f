"""Lines keep to the width of the terminal; what is read or pasted as one thing stays one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ops.kit.errors import OpsError, megabytes
from stock_ops.kit.report import ConsoleReport
from stock_ops.kit.typed import Named
from stock_ops.kit.wrapping import wrapped

WORDS = st.lists(st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=20))


@given(words=WORDS, width=st.integers(20, 120), indent=st.integers(0, 12))
def test_lines_keep_to_the_width_and_lose_nothing(words: list[str], width: int, indent: int) -> None:
    lines = wrapped(" ".join(words), width, indent, begun_at=indent)
    assert " ".join(lines).split() == words
    assert all(len(line) <= width or len(line.split()) == 1 for line in lines[1:])
    assert len(lines[0]) <= width - indent or len(lines[0].split()) == 1


@pytest.mark.parametrize(
    "whole",
    [
        "2026-11-25 03:10:00 UTC",
        "2026-11-25 03:10:00Z",
        "2026-11-25 03:10:00+0900",
        "(2026-11-25 03:10:00 UTC):",
        "/opt/bin/stockops backup create --full",
        "`stockops logs --data /srv/x backup`",
        "stockops backup create --data '/srv/my data' --full",
        "512 KiB",
        "12 min",
    ],
)
def test_what_is_one_thing_is_not_broken(whole: str) -> None:
    for before in range(1, 80):
        lines = wrapped(f"{'x' * before} {whole}", 80)
        assert any(whole in line for line in lines), lines


@given(
    words=st.lists(st.sampled_from(["2026-11-25", "03:10:00+09", "5", "s,", "`a b`:", "stockops up", "x.y"]))
)
def test_nothing_is_added_and_nothing_is_lost(words: list[str]) -> None:
    text = " ".join(words)
    assert " ".join(" ".join(wrapped(text, 20)).split()) == " ".join(text.split())


def test_a_report_keeps_to_eighty_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    console = ConsoleReport("stockops", Named({"--data": "/srv/x"}))
    words = "The newest backup is from 2026-11-25 03:10:00 UTC, which is longer ago than it should be. "
    console.result("status", [("Warning", words + "To make one now: stockops backup create")], {})
    console.error("up", OpsError(words, words + "Look: `stockops logs backup`"))
    console.plan("up", [("Settings", words)])
    console.text(f"- {words}\n{words}")
    told = capsys.readouterr()
    lines = (told.out + told.err).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("2026-11-25 03:10:00 UTC" in line for line in lines) == 6
    assert any(line.endswith("stockops backup create --data /srv/x") for line in lines)


def test_a_program_that_reads_lines_gets_them_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    ConsoleReport().result("status", [("Warning", "word " * 60)], {})
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (0, "0 MiB"),
        (1, "1 B"),
        (700, "700 B"),
        (40 * 1024, "40 KiB"),
        (2**20 - 1, "1,024 KiB"),
        (2**20, "1 MiB"),
        (3 * 2**30, "3,072 MiB"),
    ],
)
def test_sizes_below_a_mebibyte_are_in_kibibytes(size: int, told: str) -> None:
    assert megabytes(size) == told
