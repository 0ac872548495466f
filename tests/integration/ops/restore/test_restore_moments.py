"""Moments around each mark, of a server whose heartbeat is rare, so that no commit lies near."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from stock_ops.kit.report import JsonReport
from stock_ops.restore.cli.bring_back import bring_back
from stock_ops.restore.cli.source import Wish
from stock_ops.restore.plans.recovery import Request
from stock_ops.storage.manifest import load_manifest
from stock_ops.storage.marks import load_mark, mark_object
from stock_ops.storage.objects import manifest_of
from tests.integration.ops.backed_up import LEDGER, BackedUp, made, read_ledger, verb
from tests.integration.ops.instance import Instance
from tests.integration.ops.template import Template
from tests.room import a_folder

BEAT = timedelta(seconds=0.5)
INSERT = "INSERT INTO ledger (memo) VALUES ('{}')"


@dataclass
class Ground:
    """An instance that was stopped; the times of its marks; each row and when it came."""

    origin: BackedUp
    marks: dict[str, datetime]
    rows: list[tuple[datetime, str]]

    def held(self, at: datetime) -> list[str]:
        """What the ledger held at a time: no row may have come too near to it to tell."""
        assert all(abs(came - at) > BEAT / 10 for came, _ in self.rows)
        return [memo for came, memo in self.rows if came <= at]


@pytest.fixture(scope="module")
def ground(stub_template: Template) -> Iterator[Ground]:
    """A row, a backup, a row, a mark, a row, a backup, a row, a mark; each a while apart."""
    with a_folder() as folder:
        instance = Instance(folder / "origin", stub=True)
        stub_template.give(instance)
        instance.layout.config.mkdir(exist_ok=True)
        instance.layout.backup_settings.write_text("heartbeat_s = 900000.0\n")
        instance.up()
        instance.sql(LEDGER)
        storage, marks = instance.backups, {}
        for number, name in enumerate(("full", "first", "increment", "last")):
            time.sleep(2 * BEAT.total_seconds())
            instance.sql(INSERT.format(number))
            time.sleep(2 * BEAT.total_seconds())
            if name in ("full", "increment"):
                backup = made(verb(instance, "backup", "create"))
                marks[name] = load_manifest((storage / manifest_of(backup)).read_bytes()).mark.at
            else:
                verb(instance, "backup", "mark", name)
                mark = load_mark((storage / mark_object(name)).read_bytes())
                assert mark
                marks[name] = mark.at
        rows = [(at, memo) for _, at, _, memo in read_ledger(instance)]
        instance.down()
        yield Ground(BackedUp(instance), marks, rows)
        instance.remove()


@pytest.mark.parametrize(
    ("mark", "beats"),
    [
        ("full", 1),
        ("first", -1),
        ("first", 1),
        ("increment", -1),
        ("increment", 1),
        ("last", -1),
        ("last", 0),
    ],
)
def test_a_heartbeat_before_and_after_each_mark_what_was_there_comes_back(
    mark: str, beats: int, base: Path, ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ground.marks[mark] + beats * BEAT
    layout = ground.origin.target(base / "data", empty=True)
    wish = Wish(Request(time=at), str(ground.origin.storage), ground.origin.key)
    assert bring_back(layout, wish, JsonReport(), dry_run=True, yes=False) == 0
    assert at.isoformat() in capsys.readouterr().out
    ground.origin.restore(layout, Request(time=at))
    assert [row[3] for row in ground.origin.rows(layout.postgresql)] == ground.held(at)
