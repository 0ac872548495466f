"""The backups as they are listed, and what is said to come next."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stock_ops.backup.plans.catalog import COLUMNS, catalog, data, find, lines, row
from stock_ops.drill.facts.drills import Drill
from stock_ops.kit.errors import NoBackupError, OutOfReachError
from stock_ops.kit.report import ConsoleReport
from stock_ops.storage.facts.contents import Contents
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.objects import base_of
from stock_ops.storage.verification import Damage, Verification
from stock_ops.watch.plans.due import find_due
from tests.unit.ops.standings import SETTINGS, archive, backup, drill

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture
def chain() -> tuple[Manifest, Manifest, Manifest]:
    full = backup(NOW - timedelta(days=2), 1)
    first = backup(NOW - timedelta(days=1, hours=8, minutes=45), 5, parent=full)
    return full, first, backup(NOW - timedelta(hours=8, minutes=45), 9, parent=first)


def contents(*backups: Manifest, **changes: Any) -> Contents:
    return Contents(archive(*backups, **changes), (), {})


# --- the list ---------------------------------------------------------------------------------------


def test_each_backup_has_its_chain(chain: tuple[Manifest, ...]) -> None:
    entries = catalog(contents(*chain))
    assert [len(entry.chain) for entry in entries] == [1, 2, 3]
    assert entries[2].chain == chain
    assert [entry.flaw for entry in entries] == [None] * 3


def test_what_is_missing_below_is_said_of_all_above(chain: tuple[Manifest, ...]) -> None:
    entries = catalog(contents(*chain[1:]))
    assert [entry.chain for entry in entries] == [(), ()]
    assert all(chain[0].id in (entry.flaw or "") for entry in entries)


def test_what_was_found_below_is_said_of_all_above(chain: tuple[Manifest, ...]) -> None:
    found = replace(contents(*chain), found_damaged={chain[1].id: Damage(NOW, "a bit was flipped")})
    full, first, second = catalog(found)
    assert full.flaw is None
    assert first.flaw == "found on 2026-11-24: a bit was flipped"
    assert second.flaw == f"{chain[1].id}, which it builds on, was found damaged"


def test_a_manifest_that_cannot_be_read_is_listed_in_its_place(chain: tuple[Manifest, ...]) -> None:
    found = contents(chain[0], chain[2], damaged={chain[1].id: "its checksum does not fit its text"})
    entries = catalog(found)
    assert [entry.id for entry in entries] == [one.id for one in chain]
    assert entries[1].manifest is None
    assert row(entries[1])[0] == chain[1].id
    assert row(entries[1])[-1] == "damaged"
    assert data(entries[1]) == {
        "id": chain[1].id,
        "flaw": "its checksum does not fit its text",
        "unproven": None,
        "verified": None,
    }
    assert ("State", "damaged: its checksum does not fit its text") in lines(entries[1])


def test_a_line_tells_when_it_was_verified_and_how(chain: tuple[Manifest, ...]) -> None:
    found = replace(contents(*chain), verifications={chain[0].id: Verification(NOW, "restored")})
    entries = catalog(found)
    assert row(entries[0])[-2:] == ("2026-11-24, restored", "ok")
    assert row(entries[1])[-2:] == ("never", "ok")


def test_the_newest_is_found_or_the_one_that_is_named(chain: tuple[Manifest, ...]) -> None:
    found = contents(*chain)
    assert find(found, None).id == chain[2].id
    assert find(found, chain[0].id).id == chain[0].id
    with pytest.raises(OutOfReachError, match="no backup 20200101T000000Z-full"):
        find(found, "20200101T000000Z-full")
    with pytest.raises(NoBackupError):
        find(contents(), None)


# --- what comes next --------------------------------------------------------------------------------


def due(backups: tuple[Manifest, ...], drills: tuple[Drill, ...] = (), part: Any = None) -> list[Any]:
    return list(find_due(catalog(contents(*backups)), drills, SETTINGS, NOW, part))


def test_the_first_backup_is_due_now() -> None:
    backup, drill = due(())
    assert (backup.what, backup.at, backup.why) == ("full backup", NOW, "there is no backup yet")
    assert (drill.at, drill.why) == (None, "there is no backup to rehearse with")


def test_the_next_backup_is_due_tomorrow_on_top_of_the_last(chain: tuple[Manifest, ...]) -> None:
    backup, drill = due(chain)
    assert backup.what == "incremental backup"
    assert backup.at == datetime(2026, 11, 25, 3, 15, tzinfo=UTC)
    assert f"on top of {chain[2].id}" in backup.why
    assert drill.why == "a day after the first backup"


def test_a_full_backup_is_due_when_the_last_is_old() -> None:
    old = backup(NOW - timedelta(days=6, hours=8, minutes=45), 1)
    newest = backup(NOW - timedelta(hours=8, minutes=45), 9, parent=old)
    found = due((old, newest))[0]
    assert found.what == "full backup"
    assert f"the last was {old.id}" in found.why


def test_what_is_damaged_does_not_count(chain: tuple[Manifest, ...]) -> None:
    entries = catalog(contents(*chain, sizes={base_of(chain[0].id): 1}))
    assert find_due(entries, (), SETTINGS, NOW, None)[0].why == "there is no backup yet"


def test_a_drill_is_due_a_week_after_the_last_that_passed(chain: tuple[Manifest, ...]) -> None:
    passed, failed = drill(NOW - timedelta(days=3)), drill(NOW - timedelta(days=1), "failed")
    found = due(chain, (passed, failed))[1]
    assert found.at == passed.started_at + timedelta(days=7)
    assert passed.id in found.why


def test_the_part_that_runs_knows_better(chain: tuple[Manifest, ...]) -> None:
    at = NOW + timedelta(minutes=5)
    seen = [{"id": one.id} for one in chain]
    part = {
        "schedule": {"next_backup_at": at.isoformat(), "next_drill_at": None},
        "backups": seen,
        "drills": [],
    }
    assert due(chain, part=part)[0].at == at


def test_a_part_that_has_not_seen_the_newest_backup_is_not_asked(chain: tuple[Manifest, ...]) -> None:
    schedule = {"next_backup_at": NOW.isoformat(), "next_drill_at": None}
    part = {"schedule": schedule, "backups": [{"id": one.id} for one in chain[:-1]], "drills": []}
    assert due(chain, part=part) == due(chain)


def test_in_80_columns_the_list_breaks_no_word_and_cuts_none_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    line = ("20261126T005430Z-full", "11-27 00:00", "1,034 MiB", "2,159,161")
    ConsoleReport().table(COLUMNS, [(*line, "2026-11-26, restored", "damaged")])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any("11-27 00:00  1,034 MiB" in line for line in lines), "no date and no size is broken"
    told = " ".join(lines).split()
    assert {"20261126T005430Z-full", "2,159,161", "restored", "State", "damaged"} <= {*told}
