"""A long step says how far it has come: in place on a terminal, in lines elsewhere, never in the JSON."""

import json
import re

import pytest

from stock_ops.kit import report
from stock_ops.kit.errors import OpsError
from stock_ops.kit.report import ConsoleReport, JsonReport, progress_text

MIB = 2**20


def test_a_hint_says_what_its_reader_types(capsys: pytest.CaptureFixture[str]) -> None:
    console = ConsoleReport(".venv/bin/stockops")
    console.error("up", OpsError("stockops decides this.", "Run: stockops up, see /opt/stockops backup"))
    console.result("up", [("Check it", "`stockops backup verify 1`")], {})
    told = capsys.readouterr()
    assert "Error: stockops decides" in told.err
    assert "Run: .venv/bin/stockops up, see /opt/stockops backup" in told.err
    assert "`.venv/bin/stockops backup verify 1`" in told.out


def test_progress_tells_amount_rate_and_time_left() -> None:
    assert progress_text(100 * MIB, 400 * MIB, 2.0) == "100 MiB of 400 MiB, 50 MiB/s, 6 s left"


def test_progress_of_an_unknown_whole_promises_no_end() -> None:
    assert progress_text(100 * MIB, None, 2.0) == "100 MiB, 50 MiB/s"


@pytest.mark.parametrize("done", [400 * MIB, 500 * MIB])
def test_progress_that_reached_its_estimate_promises_no_end(done: int) -> None:
    assert "left" not in progress_text(done, 400 * MIB, 2.0)


def test_progress_before_the_clock_has_moved() -> None:
    assert progress_text(0, 400 * MIB, 0.0) == "0 MiB of 400 MiB, 0 MiB/s"


def test_without_a_terminal_a_line_comes_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    console = ConsoleReport()
    with console.step("Base backup", "full", quiet=False):
        console.advance(1 * MIB, 4 * MIB)
        assert capsys.readouterr().out == ""
        monkeypatch.setattr(report, "_PLAIN_LINE_S", 0.0)
        console.advance(2 * MIB, 4 * MIB)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "Base backup" in lines[0]
    assert "2 MiB of 4 MiB" in lines[0]
    assert lines[1].startswith("ok")


def test_on_a_terminal_the_step_is_redrawn_in_place(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(report, "_REDRAW_S", 0.0)
    console = ConsoleReport()
    with console.step("Base backup", "full", quiet=False):
        console.advance(2 * MIB, 4 * MIB)
    shown = capsys.readouterr().out
    assert shown.index("Base backup full ") < shown.index("Base backup 2 MiB of 4 MiB")


def test_on_a_narrow_terminal_a_long_detail_leaves_room_for_step_and_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "xterm"), ("COLUMNS", "40")):
        monkeypatch.setenv(name, value)
    console = ConsoleReport()
    with console.step("Wait", "for stockops backup prune, pid 1234567, since 10:11:12", quiet=False):
        pass
    assert re.search(r"Wait for stockops backup p\.\.\. \S*0:00:00", capsys.readouterr().out)


def test_the_json_is_one_object_whatever_was_told_on_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    told = JsonReport()
    with told.step("Base backup", "full", quiet=False):
        told.advance(1, 2)
    told.result("backup create", [], {"changed": True})
    assert json.loads(capsys.readouterr().out)["changed"] is True
