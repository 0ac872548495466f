"""Whether a drill has passed: only when each check ran and passed; not run is never passed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from stock_ops.drill.facts.drills import read_drill
from stock_ops.drill.plans.journal import CHECKS, Times, dump_journal, finished, hindered, summary, without
from stock_ops.kit.errors import NoBackupError
from tests.unit.ops.drill.drills import after, fresh, run, whole


def test_a_drill_has_passed_when_each_check_ran_and_passed() -> None:
    assert whole().outcome == "passed"
    assert summary(whole()) == "passed, all 15 checks"


@pytest.mark.parametrize("name", [check.name for check in CHECKS])
def test_one_check_that_fails_fails_the_drill(name: str) -> None:
    assert whole(bad=name).outcome == "failed"
    assert summary(whole(bad=name)) == "failed, 1 of 15 checks"


@pytest.mark.parametrize("name", [check.name for check in CHECKS])
def test_one_check_that_did_not_run_fails_the_drill(name: str) -> None:
    assert finished(run(fresh(), until=name), after(20)).outcome == "failed"


def test_a_drill_without_checks_has_not_passed() -> None:
    assert finished(replace(fresh(), checks=()), after(1)).outcome == "failed"


@pytest.mark.parametrize("bad", [None, "content"])
def test_a_drill_that_did_not_come_to_its_end_has_not_run(bad: str | None) -> None:
    assert run(fresh(), bad=bad).outcome == "not_run"


def test_a_drill_that_could_not_begin_has_not_run_and_says_why() -> None:
    journal = finished(hindered(fresh(), NoBackupError("/srv/backups")), after(1))
    assert journal.outcome == "not_run"
    assert summary(journal) == "not run: /srv/backups holds no backup."


def test_a_drill_that_was_stopped_after_a_check_failed_has_failed() -> None:
    journal = hindered(run(fresh(), bad="content", until="recovery"), NoBackupError("/srv/backups"))
    assert finished(journal, after(9)).outcome == "failed"


def test_a_check_that_the_drill_does_not_have_is_not_missed() -> None:
    journal = finished(run(without(fresh(), {"dump"})), after(14))
    assert journal.outcome == "passed"
    assert [check.name for check in journal.checks] == [one.name for one in CHECKS if one.name != "dump"]


def test_the_loss_is_counted_to_when_the_log_was_read_and_the_return_from_the_beginning() -> None:
    assert whole().times.rpo_s == 2.0
    assert whole().times.rto_s == 5.25
    assert Times(read_at=after(0)).rpo_s is None
    assert Times(begun_at=after(0), beat_at=after(-3)).rto_s is None


def test_a_heartbeat_from_after_that_is_no_loss_rather_than_less_than_none() -> None:
    assert Times(beat_at=after(1), read_at=after(0.4)).rpo_s == 0.0


def test_the_journal_is_read_as_the_drill_that_it_tells(tmp_path: Path) -> None:
    folder = tmp_path / "20261125T031500Z"
    folder.mkdir()
    (folder / "journal.json").write_text(dump_journal(whole()))
    drill = read_drill(folder)
    assert (drill.outcome, drill.rpo_s, drill.rto_s) == ("passed", 2.0, 5.25)
    assert (drill.started_at, drill.finished_at) == (after(0), after(15))


def test_a_journal_of_every_moment_counts_as_not_run_until_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "20261125T031500Z"
    folder.mkdir()
    for check in CHECKS:
        (folder / "journal.json").write_text(dump_journal(run(fresh(), until=check.name)))
        assert (read_drill(folder).outcome, read_drill(folder).finished_at) == ("not_run", None)
        assert read_drill(folder).started_at == after(0)


def test_the_journal_keeps_what_each_check_found_and_took() -> None:
    checks = json.loads(dump_journal(whole(bad="log")))["checks"]
    found = {check["name"]: check for check in checks}
    assert found["content"]["figures"] == {"rows": 1_234_567, "tables": 9}
    assert (found["content"]["outcome"], found["content"]["seconds"]) == ("passed", 1.0)
    assert (found["log"]["outcome"], found["log"]["found"], found["log"]["todo"]) == (
        "failed",
        "It is broken.",
        "Mend it.",
    )


def test_a_sabotage_drill_measures_no_loss() -> None:
    body = json.loads(dump_journal(replace(whole(), sabotage=True)))
    assert (body["rpo_s"], body["rto_s"], body["sabotage"]) == (None, None, True)
