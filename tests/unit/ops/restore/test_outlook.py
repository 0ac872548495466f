"""What a dry run says that a restore takes: in size, in room, in time."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from stock_ops.drill.plans.journal import dump_journal
from stock_ops.kit.layout import Layout
from stock_ops.restore.facts.pace import Pace, read_pace
from stock_ops.restore.facts.progress import Target
from stock_ops.restore.plans.outlook import Sight, expected, outlook
from stock_ops.restore.plans.recovery import Choice
from stock_ops.storage.timelines import Held
from stock_ops.storage.wal import segment_name
from tests.unit.ops.drill.drills import whole
from tests.unit.ops.standings import GIB, backup

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SEOUL = timezone(timedelta(hours=9), "KST")
FULL = backup(NOW - timedelta(days=1), 1)
LOG = tuple(Held(segment_name(1, number), partial=False) for number in (1, 2))
CHOICE = Choice((FULL,), 1, Target("latest"), LOG, None)
SIGHT = Sight(90 * GIB, None, NOW - timedelta(seconds=3), NOW, UTC, None)


def lines(choice: Choice = CHOICE, **changes: Any) -> dict[str, str]:
    return dict(outlook(choice, replace(SIGHT, **changes)).lines)


def test_size_room_and_last_commit_are_named() -> None:
    told = lines()
    assert told["Size"] == "400 MiB to fetch, 1,024 MiB unpacked; and 32 MiB of log"
    assert told["Room"] == "1,312 MiB needed, 92,160 MiB free"
    assert told["Reaches"] == "2026-11-25 11:59:57 UTC: the last commit that comes back"
    assert "Time" not in told
    assert lines(free_bytes=GIB)["Room"].endswith("free: not enough")


def test_without_any_commit_it_reaches_the_mark_of_the_backup() -> None:
    assert lines(last_commit=None)["Reaches"].startswith(f"{FULL.mark.at:%Y-%m-%d %H:%M:%S} UTC")


def test_the_duration_is_that_of_the_last_drill_by_size_or_said_to_be_a_guess() -> None:
    pace = Pace(NOW - timedelta(days=2), 60.0, GIB // 2)
    seconds, why = expected(CHOICE, replace(SIGHT, pace=pace), GIB)
    assert seconds == pytest.approx(60.0 * (GIB + 2 * 2**24) / (GIB / 2))
    assert why == "by the drill of 2026-11-23 12:00 UTC"
    guessed, why = expected(CHOICE, SIGHT, GIB)
    assert guessed == pytest.approx(3 * FULL.duration_s)
    assert "guess" in why


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (
            "2026-11-25 20:00:00+09:00",
            "2026-11-25 20:00:00+09:00 is 2026-11-25 11:00:00 UTC (2026-11-25 20:00:00 KST here), 1 h ago",
        ),
        (
            "2026-11-25 11:00:00",
            "2026-11-25 11:00:00 is 2026-11-25 11:00:00 UTC (2026-11-25 20:00:00 KST here), 1 h ago; "
            "no zone was named, so UTC was assumed",
        ),
    ],
)
def test_the_time_that_was_given_is_converted(typed: str, told: str) -> None:
    choice = replace(CHOICE, target=Target("time", "2026-11-25T11:00:00+00:00"))
    assert lines(choice, typed_time=typed, zone=SEOUL)["Time"] == told


def test_the_pace_is_read_from_the_last_drill_that_brought_a_backup_back(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert read_pace(layout) is None
    journal = json.loads(dump_journal(whole()))
    for check in journal["checks"]:
        if check["name"] == "backup":
            check["figures"] = {"bytes": GIB}
    for name, body in (("20261124T031500Z", journal), ("20261125T031500Z", {"checks": []})):
        (layout.drills / name).mkdir(parents=True)
        (layout.drills / name / "journal.json").write_text(json.dumps(body))
    pace = read_pace(layout)
    assert pace is not None
    assert (pace.seconds, pace.size_bytes) == (4.0, GIB)
