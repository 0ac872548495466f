"""The journal of a drill on the disk: after every step it says how far the drill came, and never more."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from stock_ops.drill.facts.drills import read_drill
from stock_ops.drill.plans.journal import KEPT
from stock_ops.drill.runners.journal import Found, Recorder, remove_old
from stock_ops.kit.errors import OpsError
from stock_ops.kit.report import JsonReport
from tests.unit.ops.drill.drills import fresh


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "drills" / "20261125T031500Z"


@pytest.fixture
def recorder(folder: Path) -> Recorder:
    journal = replace(fresh(), checks=fresh().checks[:2])
    return Recorder(folder, journal, JsonReport())


def written(folder: Path) -> dict[str, dict[str, object]]:
    body = json.loads((folder / "journal.json").read_text())
    return {check["name"]: check for check in body["checks"]}


def fail() -> Found:
    raise OpsError("It is broken.", "Mend it.")


def test_a_drill_is_on_the_disk_before_its_first_check(recorder: Recorder, folder: Path) -> None:
    assert recorder.journal.finished_at is None
    assert read_drill(folder).outcome == "not_run"
    assert read_drill(folder).started_at == fresh().started_at


def test_a_check_is_written_down_before_it_is_made_and_after(recorder: Recorder, folder: Path) -> None:
    seen = []

    def look() -> Found:
        seen.append(written(folder)["platform"])
        return Found("answers", {"port": 8080})

    assert recorder.check("platform", look)
    assert (seen[0]["outcome"], seen[0]["started_at"] is None) == ("not_run", False)
    after = written(folder)["platform"]
    assert (after["outcome"], after["found"], after["figures"]) == ("passed", "answers", {"port": 8080})


def test_a_check_that_fails_is_written_down_with_its_reason(recorder: Recorder, folder: Path) -> None:
    assert not recorder.check("platform", fail)
    assert recorder.check("heartbeat", lambda: Found("beats"))
    recorder.finish()
    found = written(folder)["platform"]
    assert (found["outcome"], found["found"], found["todo"]) == ("failed", "It is broken.", "Mend it.")
    assert read_drill(folder).outcome == "failed"


def test_what_is_no_error_in_words_leaves_the_check_not_run(recorder: Recorder, folder: Path) -> None:
    def stop() -> Found:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recorder.check("platform", stop)
    assert written(folder)["platform"]["outcome"] == "not_run"


def test_the_end_is_written_with_a_report_beside_it(recorder: Recorder, folder: Path) -> None:
    recorder.check("platform", lambda: Found("answers"))
    recorder.check("heartbeat", lambda: Found("beats"))
    report = recorder.finish()
    assert read_drill(folder).outcome == "passed"
    assert "The data can be restored." in report.read_text()
    assert {path.name for path in folder.iterdir()} == {"journal.json", "report.html"}


def test_the_folders_of_old_drills_go_and_the_present_one_stays(tmp_path: Path) -> None:
    names = [f"2026{number // 28 + 1:02}{number % 28 + 1:02}T000000Z" for number in range(KEPT + 5)]
    for name in (*names, "notes"):
        (tmp_path / name).mkdir()
    remove_old(tmp_path / names[0])
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [names[0], *names[-(KEPT - 1) :], "notes"]
