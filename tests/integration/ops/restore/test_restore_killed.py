"""A restore that is killed anywhere, again and again: old or new data are in place at every moment."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stock_ops.kit.errors import UnfinishedRestoreError
from stock_ops.kit.layout import Layout
from stock_ops.local.facts.kept import read_kept
from stock_ops.local.facts.observe import observe
from stock_ops.local.plans.up import plan_up
from stock_ops.restore.facts.progress import (
    Progress,
    Target,
    Works,
    boot_of_machine,
    cluster_folder,
    read_progress,
)
from stock_ops.restore.plans.recovery import Request, choose
from stock_ops.restore.plans.steps import Step, plan_restore
from stock_ops.restore.runners import restore as runner
from stock_ops.restore.runners.fetch import Workshop, fetch_backup, fetch_log, make_work_folders
from stock_ops.restore.runners.rebuild import build_cluster, prove, recover
from stock_ops.restore.runners.scratch import Place
from stock_ops.storage.facts.contents import read_archive
from stock_ops.storage.folder import FolderStorage
from stock_ops.storage.keys import read_identity
from tests.integration.ops.backed_up import BackedUp, back_up
from tests.integration.ops.instance import wait_for
from tests.integration.ops.restore import killed_restore
from tests.integration.ops.template import Template
from tests.room import a_folder

AFTER_WHAT_IS_DONE_AGAIN = ("Remember", "Clean up")
"""Steps before which another is, although it was done: it finds that, and does nothing."""
SEED = int(os.environ.get("RESTORE_SEED", random.SystemRandom().randrange(10**6)))


@pytest.fixture(scope="module")
def ground() -> Iterator[Path]:
    """A folder that the servers' user can reach."""
    with a_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def origin(ground: Path, stub_template: Template) -> Iterator[BackedUp]:
    found = back_up(ground, stub_template)
    yield found
    found.instance.remove()


class Attempts:
    """Restores into one data folder, each killed; after each the invariant holds."""

    def __init__(self, layout: Layout, origin: BackedUp) -> None:
        self.layout, self._origin = layout, origin
        self._old = layout.postgresql.stat().st_ino
        self.titles: list[str] = []

    def run(self, step: int, delay_s: float) -> bool:
        """Run once; whether the restore came to its end, whatever became of the process."""
        origin = self._origin
        where = (self.layout.root, origin.storage, origin.key)
        done = origin.instance.run_module(killed_restore, *where, step, delay_s, python=sys.executable)
        self.titles = done.out.splitlines()
        self.holds()
        return (
            self.layout.postgresql.stat().st_ino != self._old and read_progress(self.layout.restore) is None
        )

    def holds(self) -> None:
        """What is in place are the old data, or new ones that the restore had called finished."""
        placed, progress = self.layout.postgresql.stat().st_ino, read_progress(self.layout.restore)
        if placed != self._old:
            assert progress is None or (isinstance(progress, Progress) and progress.new == placed)
            homes = [cluster_folder(self.layout.restore), *self.layout.kept.glob("*/postgresql")]
            assert self._old in [home.stat().st_ino for home in homes if home.exists()]
        if isinstance(progress, Progress) and progress.stage == "place":
            with pytest.raises(UnfinishedRestoreError):
                plan_up(observe(self.layout, port=None), None)

    def ended_well(self, everything: object) -> None:
        """The new data hold every row, and the kept ones are what was there before."""
        layout, origin = self.layout, self._origin
        assert origin.rows(layout.postgresql) == origin.points["latest"].rows
        assert not layout.restore.exists()
        (kept,) = read_kept(layout)
        assert kept.holds == ("postgresql", "spool", "valkey")
        old = (kept.folder / "postgresql").rename(layout.root / "looked-at")
        assert origin.content(old) == everything
        assert (layout.valkey / "appendonlydir").is_dir()


@pytest.fixture
def attempts(base: Path, origin: BackedUp) -> Attempts:
    return Attempts(origin.target(base / "data"), origin)


def test_killed_at_the_beginning_of_every_step(attempts: Attempts, origin: BackedUp) -> None:
    """Each run gets one step further than the one before it, and what was remembered is not done again."""
    everything, seen = origin.content(attempts.layout.postgresql), []
    assert not attempts.run(0, 0)
    step = 1
    while not attempts.run(step, 0):
        cut = attempts.titles[-1]
        assert cut not in seen
        step = 2 if cut.startswith(AFTER_WHAT_IS_DONE_AGAIN) and cut != "Remember next: build" else 1
        seen.append(cut)
    assert len(seen) == len(plan_steps(origin)) - 1
    attempts.ended_well(everything)


def plan_steps(origin: BackedUp) -> tuple[Step, ...]:
    """All steps of a restore of both backups over old data."""
    progress = Progress("", origin.chain, 1, Target("latest"), (), "", "")
    return plan_restore(progress, Works(None, frozenset(), None, 1))


@pytest.mark.timeout(600)
def test_killed_at_random_moments_inside_of_the_steps(attempts: Attempts, origin: BackedUp) -> None:
    sys.stdout.write(f"RESTORE_SEED={SEED}\n")
    chance = random.Random(SEED)
    everything = origin.content(attempts.layout.postgresql)
    for _ in range(12):
        if attempts.run(chance.randrange(3), chance.uniform(0.01, 1.2)):
            break
    else:
        assert attempts.run(1000, 0)
    attempts.ended_well(everything)


def test_a_cluster_that_was_killed_while_it_became_writable_is_recovered_again(
    base: Path, origin: BackedUp
) -> None:
    """PostgreSQL removes recovery.signal when it has begun a timeline, and writes into pg_control later."""
    layout = origin.target(base / "data", empty=True)
    facts = observe(layout, port=None)
    place = Place(
        cluster_folder(layout.restore), layout.restore, facts.programs, origin.binaries, facts.service
    )
    storage, identity = FolderStorage(origin.storage), read_identity(origin.key)
    archive = read_archive(storage, identity)
    choice = choose(archive, Request(), archive.backups[-1].finished_at)
    shop = Workshop(storage, identity, choice.chain, archive.histories, place)
    chain = tuple(one.id for one in choice.chain)
    progress = Progress("", chain, choice.timeline, Target("latest"), choice.wal, "", boot_of_machine())
    make_work_folders(place)
    for name in chain:
        fetch_backup(shop, name, lambda *_: None)
    build_cluster(shop)
    fetch_log(shop, choice.wal, lambda *_: None)
    prove(shop, choice.wal, choice.timeline, lambda *_: None)
    (place.cluster / "recovery.signal").unlink()
    for _ in range(2):
        recover(shop, progress, lambda *_: None)
        assert not (place.cluster / "recovery.signal").exists()
    assert len(list((place.cluster / "pg_wal").glob("*.history"))) == 1
    assert origin.rows(place.cluster) == origin.points["latest"].rows


def test_where_folders_cannot_be_exchanged_the_old_data_go_first(
    base: Path, origin: BackedUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "exchange", lambda *_: False)
    layout = origin.target(base / "data")
    everything = origin.content(layout.postgresql)
    origin.restore(layout, origin.points["full"].request)
    assert origin.rows(layout.postgresql) == origin.points["full"].rows
    (kept,) = read_kept(layout)
    old = (kept.folder / "postgresql").rename(layout.root / "looked-at")
    assert origin.content(old) == everything


def test_a_restore_that_is_interrupted_says_so_and_goes_on(base: Path, origin: BackedUp) -> None:
    layout = origin.target(base / "data")
    command = [
        sys.executable,
        "-m",
        "stock_ops",
        "restore",
        "--yes",
        "--data",
        str(layout.root),
        *origin.source(),
    ]
    variables = origin.instance.variables()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd="/", env=variables)
    wait_for(lambda: read_progress(layout.restore) is not None, "the restore has begun", 120)
    process.send_signal(signal.SIGTERM)
    told = process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert "Interrupted during" in told
    assert "Run the same command again to go on" in told
    before = read_progress(layout.restore)
    assert isinstance(before, Progress)
    origin.restore(layout)
    assert origin.rows(layout.postgresql) == origin.points["latest"].rows
    assert (layout.kept / replace(before).keep / "postgresql").is_dir()
