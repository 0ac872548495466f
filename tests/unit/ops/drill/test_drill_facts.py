"""Drills as they are read: what is not known to have passed is never shown as passed, and never hidden."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from stock_ops.drill.facts.drills import Drill, drill_id, read_drills
from stock_ops.kit.layout import Layout
from stock_ops.local.facts.unfinished import read_abandoned, scratch_name

AT = datetime(2026, 11, 25, 3, 15, tzinfo=UTC)
PASSED = {
    "id": "20261125T031500Z",
    "started_at": "2026-11-25T03:15:00.250000+00:00",
    "finished_at": "2026-11-25T03:15:21+00:00",
    "outcome": "passed",
    "rpo_s": 2.5,
    "rto_s": 14.0,
    "sabotage": False,
}


def keep(layout: Layout, name: str, text: str | None) -> None:
    folder = layout.drills / name
    folder.mkdir(parents=True)
    if text is not None:
        (folder / "journal.json").write_text(text)


def only(layout: Layout) -> Drill:
    (drill,) = read_drills(layout)
    return drill


def test_a_journal_tells_when_how_it_ended_and_what_was_measured(tmp_path: Path) -> None:
    keep(Layout(tmp_path), "20261125T031500Z", json.dumps(PASSED))
    drill = only(Layout(tmp_path))
    assert (drill.id, drill.outcome, drill.rpo_s, drill.rto_s) == (drill_id(AT), "passed", 2.5, 14.0)
    assert drill.started_at == AT.replace(microsecond=250_000)
    assert drill.finished_at == AT.replace(second=21)
    assert not drill.sabotage


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "[]",
        "null",
        '{"outcome": "passed"',
        json.dumps({**PASSED, "outcome": "fine"}),
        json.dumps({**PASSED, "outcome": ["passed"]}),
        json.dumps({**PASSED, "finished_at": None}),
        json.dumps({**PASSED, "started_at": "yesterday"}),
        json.dumps({**PASSED, "started_at": 7}),
        json.dumps({**PASSED, "rpo_s": "none"}),
        json.dumps({name: value for name, value in PASSED.items() if name != "rto_s"}),
    ],
)
def test_a_journal_that_makes_no_sense_counts_as_not_run_and_keeps_its_place(
    tmp_path: Path, text: str | None
) -> None:
    keep(Layout(tmp_path), "20261125T031500Z", text)
    assert only(Layout(tmp_path)) == Drill(
        "20261125T031500Z", AT, None, "not_run", None, None, sabotage=False
    )


def test_bytes_that_are_no_text_count_as_not_run(tmp_path: Path) -> None:
    keep(Layout(tmp_path), "20261125T031500Z", "")
    (tmp_path / "backup/drills/20261125T031500Z/journal.json").write_bytes(b"\xff\xfe{}")
    assert only(Layout(tmp_path)).outcome == "not_run"


def test_a_drill_that_was_cut_off_tells_when_it_began_and_that_it_did_not_end(tmp_path: Path) -> None:
    cut = {**PASSED, "finished_at": None, "outcome": "not_run", "rpo_s": None, "rto_s": None}
    keep(Layout(tmp_path), "20261125T031500Z", json.dumps(cut))
    drill = only(Layout(tmp_path))
    assert drill.started_at == AT.replace(microsecond=250_000)
    assert (drill.finished_at, drill.outcome) == (None, "not_run")


def test_drills_come_oldest_first_and_other_files_are_none(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for name in ("20261127T000000Z", "20261125T000000Z", "20261126T000000Z", "20269999T000000Z", "notes"):
        keep(layout, name, None)
    assert [drill.id[:8] for drill in read_drills(layout)] == ["20261125", "20261126", "20261127"]


def test_a_folder_without_drills_has_none(tmp_path: Path) -> None:
    assert read_drills(Layout(tmp_path)) == ()


def abandoned(tmp_path: Path, **changes: object) -> tuple[Path, ...]:
    """What is found of a killed drill with a scratch folder, after changes to its journal."""
    scratch = tmp_path / "elsewhere" / scratch_name("20261125T031500Z")
    scratch.mkdir(parents=True)
    gone = {"scratch": str(scratch), "pid": 2**22 + 1, "pid_since": 1.0, "finished_at": None}
    cut = {**PASSED, "outcome": "not_run", **gone, **changes}
    keep(Layout(tmp_path), "20261125T031500Z", json.dumps(cut))
    return read_abandoned(Layout(tmp_path))


def test_the_scratch_folder_of_a_killed_drill_is_found_wherever_it_lies(tmp_path: Path) -> None:
    assert abandoned(tmp_path) == (tmp_path / "elsewhere/drill-20261125T031500Z",)


def test_a_drill_that_still_runs_has_left_nothing(tmp_path: Path) -> None:
    me = psutil.Process()
    assert abandoned(tmp_path, pid=me.pid, pid_since=me.create_time()) == ()


def test_another_process_of_the_same_number_is_not_the_drill(tmp_path: Path) -> None:
    assert abandoned(tmp_path, pid=os.getpid(), pid_since=1.0) != ()


def test_only_a_folder_of_the_drills_own_name_is_ever_given_up(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    assert abandoned(tmp_path, scratch=str(tmp_path / "precious")) == ()


@pytest.mark.parametrize(
    "changes",
    [{"finished_at": PASSED["finished_at"]}, {"pid": None}, {"scratch": None}, {"scratch": "/none"}],
)
def test_a_drill_that_ended_or_tells_nothing_has_left_nothing(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    assert abandoned(tmp_path, **changes) == ()
