"""The smaller pieces of the part `backup`: what it remembers, its jobs, its troubles, its pages."""

import asyncio
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stock_ops.archive.runners.clock import steady_s
from stock_ops.archive.runners.part_memory import Remembered
from stock_ops.archive.runners.receiver import Receiver
from stock_ops.archive.runners.threads import in_thread
from stock_ops.archive.runners.troubles import Troubles
from stock_ops.kit.errors import ArchiveError, OpsError
from stock_ops.kit.files import exclusive
from stock_ops.kit.layout import Layout
from stock_ops.local.facts.part import Break, PartMemory, read_part_memory
from stock_ops.local.facts.programs import Programs, observe_programs
from stock_ops.storage.cached import CachedStorage
from stock_ops.storage.folder import FolderStorage
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.storage import read_bytes, write_bytes
from stock_ops.watch.runners import jobs
from stock_ops.watch.runners.holdings import Holdings, View
from stock_ops.watch.runners.schedule import Schedule
from tests.unit.ops.standings import SETTINGS, archive, backup, calm, with_contents

AT = datetime(2026, 11, 24, 3, 15, tzinfo=UTC)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(tmp_path / "data")
    found.backup.mkdir(parents=True)
    return found


# --- memory -------------------------------------------------------------------------------------


def test_what_the_part_remembers_survives_it(layout: Layout) -> None:
    assert Remembered(layout).value == PartMemory()
    Remembered(layout).change(storage="/srv/backups", breaks=(Break("0" * 24, AT),), prune_wanted=True)
    Remembered(layout).change(shipped_at=AT, broken_at="1" * 24)
    assert Remembered(layout).value == PartMemory(
        "/srv/backups", AT, "1" * 24, (Break("0" * 24, AT),), prune_wanted=True
    )


@pytest.mark.parametrize("text", ["", "{", "[]", '{"storage": 1}', '{"storage": "", "shipped_at": "soon"}'])
def test_a_memory_that_makes_no_sense_is_none(layout: Layout, text: str) -> None:
    layout.backup_state.write_text(text)
    assert read_part_memory(layout) == PartMemory()


# --- storage ------------------------------------------------------------------------------------


def test_small_objects_are_read_once_and_again_when_they_change(tmp_path: Path) -> None:
    under = FolderStorage(tmp_path / "storage")
    storage, name = CachedStorage(under), "backups/20261124T031500Z-full/manifest.json"
    write_bytes(under, name, b"one")
    assert [one.name for one in storage.list()] == [name]
    assert read_bytes(storage, name) == b"one"
    (tmp_path / "storage" / name).chmod(0)
    under.delete(name)
    assert read_bytes(storage, name) == b"one"
    write_bytes(under, name, b"two, longer")
    list(storage.list())
    assert read_bytes(storage, name) == b"two, longer"


def test_whose_a_storage_is_is_never_taken_from_memory(tmp_path: Path) -> None:
    under = FolderStorage(tmp_path / "storage")
    storage = CachedStorage(under)
    write_bytes(under, "repository.json", b"ours")
    list(storage.list())
    assert read_bytes(storage, "repository.json") == b"ours"
    write_bytes(under, "repository.json", b"others")
    assert read_bytes(storage, "repository.json") == b"others"


# --- jobs ---------------------------------------------------------------------------------------


def programs(tmp_path: Path, job: str) -> Programs:
    """Those that are installed, but stockops itself is this shell script."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nif [ "$1" = -m ]; then {job}; fi\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return replace(observe_programs(), python=python)


async def test_a_job_is_stockops_with_its_arguments(layout: Layout, tmp_path: Path) -> None:
    said = tmp_path / "said"
    await jobs.run_job("full", layout, programs(tmp_path, f'echo "$@" > {said}; exit 0'))
    assert said.read_text() == f"-m stock_ops backup create --full --data {layout.root} --json\n"


@pytest.mark.parametrize(
    ("job", "why"),
    [
        ("""echo '{"error": {"why": "It is full.", "todo": "Make room."}}'; exit 1""", "It is full."),
        ("echo 'ERROR: no sense' >&2; exit 3", "It failed: ERROR: no sense"),
        ("exit 1", "It failed: it said nothing"),
        ("kill -9 $$", "It failed: it said nothing"),
    ],
)
async def test_a_job_that_fails_says_why(layout: Layout, tmp_path: Path, job: str, why: str) -> None:
    with pytest.raises(OpsError) as caught:
        await jobs.run_job("incr", layout, programs(tmp_path, job))
    assert caught.value.why == why


async def test_a_job_that_takes_too_long_is_ended(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(jobs.LIMITS_S, "prune", 1.0)
    ended = tmp_path / "ended"
    script = f"trap 'touch {ended}; exit 1' TERM; while :; do sleep 0.1; done"
    with pytest.raises(OpsError, match="took longer than"):
        await jobs.run_job("prune", layout, programs(tmp_path, script))
    assert ended.exists()


# --- schedule -----------------------------------------------------------------------------------


def seen(*backups: Manifest) -> View:
    """A storage with these backups, all of them usable."""
    standing = with_contents(calm(AT), archive=archive(*backups))
    return View(contents=standing.contents, usable=backups)


def schedule(layout: Layout, view: View, troubles: Troubles | None = None) -> Schedule:
    memory = Remembered(layout)
    holdings = Holdings(layout, SETTINGS, "age1ours", memory)
    holdings.view = view
    return Schedule(layout, SETTINGS, observe_programs(), holdings, memory, troubles or Troubles())


def test_nothing_is_due_while_nothing_is_known_of_the_storage(layout: Layout) -> None:
    assert schedule(layout, View()).next_backup_at() is None
    assert not schedule(layout, View()).may_begin


def test_without_a_backup_the_next_one_is_now_and_a_fresh_one_is_followed_a_day_later(layout: Layout) -> None:
    now = datetime.now(UTC)
    empty = schedule(layout, seen()).next_backup_at()
    assert empty is not None
    assert abs(empty - now) < timedelta(minutes=1)
    fresh = backup(now - timedelta(seconds=60), 5)
    view = replace(seen(fresh), ended_s={fresh.id: steady_s()})
    planned = schedule(layout, view).next_backup_at()
    assert planned is not None
    assert planned.time() == SETTINGS.daily_at


def test_log_that_was_lost_has_a_full_backup_made_at_once(layout: Layout) -> None:
    old = backup(datetime.now(UTC) - timedelta(hours=1), 5)
    view = replace(seen(old), ended_s={old.id: steady_s() - 3700})
    whole = schedule(layout, view).next_backup_at()
    Remembered(layout).change(broken_at="0" * 24)
    broken = schedule(layout, view).next_backup_at()
    assert whole is not None
    assert broken is not None
    assert whole.time() == SETTINGS.daily_at
    assert abs(broken - datetime.now(UTC)) < timedelta(minutes=1)


def test_no_job_begins_while_the_storage_is_away_or_is_not_the_one(layout: Layout) -> None:
    view = seen()
    assert schedule(layout, view).may_begin
    error = ArchiveError("away", "bring it back")
    assert not schedule(layout, replace(view, unreachable=error)).may_begin
    for task in ("storage", "shipping"):
        troubles = Troubles()
        troubles.note(task, error)
        assert not schedule(layout, view, troubles).may_begin


@pytest.fixture
def due(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Schedule:
    """A schedule whose first backup is due; its job only writes that it ran."""
    found = schedule(layout, seen())
    found._programs = programs(tmp_path, f"touch {tmp_path}/ran")
    found._started_s -= 100

    async def look() -> None:
        """What is known stays."""

    monkeypatch.setattr(found._holdings, "look", look)
    return found


async def test_no_job_begins_while_somebody_works_on_the_storage(
    due: Schedule, layout: Layout, tmp_path: Path
) -> None:
    with exclusive(layout, "backup create", layout.backup_lock):
        await due.begin_due()
        assert not (tmp_path / "ran").exists()
        assert not due.failures
    await due.begin_due()
    assert (tmp_path / "ran").exists()


async def test_a_lock_that_cannot_be_opened_is_no_end_of_the_part(
    due: Schedule, layout: Layout, tmp_path: Path
) -> None:
    layout.backup_lock.mkdir()
    await due.begin_due()
    assert (tmp_path / "ran").exists()


async def test_what_somebody_has_just_made_by_hand_is_not_made_again(
    due: Schedule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look() -> None:
        due._holdings.view = seen(backup(datetime.now(UTC) - timedelta(seconds=60), 5))

    monkeypatch.setattr(due._holdings, "look", look)
    await due.begin_due()
    assert not (tmp_path / "ran").exists()


# --- troubles, threads -------------------------------------------------------------------


def test_a_trouble_is_told_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "stockops.backup")
    troubles = Troubles()
    for _ in range(3):
        troubles.note("storage", ArchiveError("It is away.", "Bring it back."))
    troubles.note("heartbeat", ArchiveError("No table.", "Migrate."))
    assert (troubles.failures, troubles.last_error) == (3, "It is away.")
    troubles.clear("storage")
    troubles.clear("storage")
    assert troubles.last_error == "No table."
    assert [record.message for record in caplog.records] == [
        "storage: It is away. Bring it back.",
        "heartbeat: No table. Migrate.",
        "storage: it works again",
    ]


async def test_work_in_a_thread_gives_its_result_or_its_error() -> None:
    assert await in_thread(lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)


def test_work_that_hangs_keeps_nothing_from_ending() -> None:
    never = threading.Event()

    async def main() -> None:
        async with asyncio.timeout(0.1):
            await in_thread(never.wait)

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    never.set()


async def test_what_cannot_be_understood_in_a_storage_is_told_and_stops_nothing(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = replace(SETTINGS, storage=f"{tmp_path}/storage")
    holdings = Holdings(layout, settings, "age1ours", Remembered(layout))
    await holdings.look()
    assert holdings.view.unreachable is None

    def stumble(_storage: object) -> None:
        raise KeyError("nonsense")

    monkeypatch.setattr("stock_ops.watch.runners.holdings.read_contents", stumble)
    await holdings.look()
    assert "nonsense" in str(holdings.view.unreachable)
    assert "KeyError" in caplog.text
    assert holdings.view.contents is not None


# --- receiver -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (
            "echo 'pg_receivewal: error: bad file' >&2; echo 'pg_receivewal: error: disconnected' >&2",
            "error: bad file",
        ),
        ("kill -9 $$", "it ended without a message (-9)"),
    ],
)
async def test_the_receivers_reason_is_told_not_that_it_disconnected(
    tmp_path: Path, script: str, told: str
) -> None:
    receiver = Receiver(["/bin/sh", "-c", script], tmp_path / "passfile")
    await receiver.start()
    while not await receiver.ended(1.0):
        pass
    assert await receiver.stop() == told
