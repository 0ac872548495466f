"""Old backups go from real storages; what was to stay is there wherever a prune is cut off; it goes on."""

import io
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stock_ops.backup.facts.retention import observe_retention
from stock_ops.backup.plans.catalog import catalog
from stock_ops.backup.plans.prune import PrunePlan, plan_prune
from stock_ops.backup.plans.retention import retain
from stock_ops.backup.runners.prune import run_prune
from stock_ops.kit.backup_settings import read_backup_settings
from stock_ops.kit.errors import DamagedBackupError
from stock_ops.kit.files import exclusive
from stock_ops.kit.report import JsonReport
from stock_ops.restore.plans.recovery import Choice, Request, choose
from stock_ops.storage.envelope import unseal
from stock_ops.storage.facts.contents import read_archive
from stock_ops.storage.folder import UNFINISHED, FolderStorage
from stock_ops.storage.keys import draw_identity, read_identity
from stock_ops.storage.objects import SEALED, base_of, manifest_of
from stock_ops.storage.s3 import S3Storage
from stock_ops.storage.storage import LockedObjectError, StorageError
from tests.contract.ops.storage.s3_server import S3Server
from tests.integration.ops.backed_up import verb
from tests.integration.ops.backup import killed_prune
from tests.integration.ops.old_archive import OldArchive
from tests.integration.ops.terminal import Terminal

ROUNDS = 8
"""Rounds of kills on each storage."""


@pytest.fixture(params=["folder", "s3"])
def archive(request: pytest.FixtureRequest, base: Path) -> Iterator[OldArchive]:
    server = S3Server(base) if request.param == "s3" else None
    yield OldArchive(base, server)
    if server:
        server.stop()


@pytest.fixture
def folder(base: Path) -> OldArchive:
    return OldArchive(base)


def planned(archive: OldArchive) -> PrunePlan:
    layout = archive.instance.layout
    return plan_prune(observe_retention(layout, read_backup_settings(layout)))


def prune(archive: OldArchive, *options: str, code: int = 0) -> dict[str, Any]:
    return verb(archive.instance, "backup", "prune", *options, code=code)


def choices(archive: OldArchive) -> dict[str, Choice]:
    """What a restore of each backup, and of the latest point, would do now."""
    facts = observe_retention(archive.instance.layout, read_backup_settings(archive.instance.layout))
    held = facts.contents.archive
    found = {one.id: choose(held, Request(backup=one.id), facts.now) for one in held.backups}
    return found | {"latest": choose(held, Request(), facts.now)}


def test_what_the_settings_keep_stays_as_it_was_and_the_rest_goes(archive: OldArchive) -> None:
    before, plan, possible = archive.objects(), planned(archive), choices(archive)
    told = prune(archive, "--yes")
    after = archive.objects()
    assert after == {name: data for name, data in before.items() if name not in plan.names}
    kept = [one.id for one in (*archive.backups[7:14], *archive.backups[21:])]
    assert [one["backup"] for one in told["kept"]] == kept
    assert told["deleted"] == [one.id for one in (*archive.backups[6::-1], *archive.backups[20:13:-1])]
    assert told["freed_bytes"] == sum(len(before[name]) for name in plan.names)
    assert choices(archive) == {name: one for name, one in possible.items() if name in (*kept, "latest")}
    again = prune(archive, "--yes")
    assert (again["changed"], again["deleted"], again["kept"]) == (False, [], told["kept"])


def test_what_stays_can_still_be_opened(archive: OldArchive) -> None:
    prune(archive, "--yes")
    identity = read_identity(read_backup_settings(archive.instance.layout).key_file)
    sealed = {name: data for name, data in archive.objects().items() if name.endswith(SEALED)}
    assert len(sealed) > 100
    for data in sealed.values():
        unseal(io.BytesIO(data), io.BytesIO(), identity)


def test_a_dry_run_deletes_nothing_and_names_what_would_go(archive: OldArchive) -> None:
    before, plan = archive.objects(), planned(archive)
    told = prune(archive, "--dry-run")
    assert archive.objects() == before
    assert [step["detail"] for step in told["steps"]] == [step.detail for step in plan.steps]
    assert told["changed"] is False


@pytest.mark.fault
@pytest.mark.timeout(900)
def test_kill_9_at_any_moment_loses_nothing_that_stays_and_the_next_prune_goes_on(
    archive: OldArchive, base: Path
) -> None:
    archive.remember(base / "copy")
    plan, possible = planned(archive), choices(archive)
    before = archive.objects()
    staying = {name: data for name, data in before.items() if name not in plan.names}
    chance, cut = random.Random(3), 0
    for _ in range(ROUNDS):
        archive.bring_back(base / "copy")
        for _ in range(2):
            killed(archive, chance.randrange(1, len(plan.names) // 2), chance.choice([0, 0, 0, 2e-4, 2e-3]))
            left = archive.objects()
            cut += staying.keys() < left.keys() < before.keys()
            assert {name: data for name, data in left.items() if name in staying} == staying
            now = choices(archive)
            assert now.items() <= possible.items()
            assert now.keys() >= {*plan.retention.kept, "latest"}
        run_prune(planned(archive).steps, archive.storage, JsonReport())
        assert archive.objects() == staying
    assert cut >= ROUNDS // 3  # a kill after a delay may come when a fast disk is done


def killed(archive: OldArchive, count: int, delay_s: float) -> None:
    """A prune that kills itself in that deletion, or is done before."""
    archive.instance.run_module(killed_prune, archive.instance.data, count, delay_s)


class LockingStorage(FolderStorage):
    """A retention keeps some objects."""

    def __init__(self, root: Path, locked: Callable[[str], bool]) -> None:
        super().__init__(root)
        self.is_locked, self.asked = locked, 0

    def delete(self, name: str) -> None:
        if self.is_locked(name):
            self.asked += 1
            raise LockedObjectError(f"{name} is kept.", "Wait.")
        super().delete(name)


@pytest.mark.parametrize("kind", ["manifests", "bases", "log", "everything"])
def test_what_a_retention_keeps_is_left_and_harms_nothing(folder: OldArchive, kind: str) -> None:
    """What is a backup still can be restored still, and the next prune takes the rest."""
    locks = {
        "manifests": lambda name: name.endswith("manifest.json"),
        "bases": lambda name: name.startswith("backups/") and not name.endswith("manifest.json"),
        "log": lambda name: name.startswith("wal/"),
        "everything": lambda _: True,
    }
    plan, before, possible = planned(folder), folder.objects(), choices(folder)
    storage = LockingStorage(folder.files, locks[kind])
    left = run_prune(plan.steps, storage, JsonReport())
    assert set(left) <= set(plan.names)
    assert folder.objects().keys() == before.keys() - (set(plan.names) - set(left))
    assert choices(folder).items() <= possible.items()
    assert choices(folder).keys() >= {*plan.retention.kept, "latest"}
    assert {one for one in possible if one != "latest" and manifest_of(one) in left} <= choices(folder).keys()
    assert storage.asked < 50
    storage.is_locked = lambda _: False
    run_prune(planned(folder).steps, storage, JsonReport())
    leftovers = {name for name in folder.objects() if name in plan.names}
    assert all(name.startswith("backups/") for name in leftovers)  # go a day later, as unfinished ones do


class LeavingStorage(S3Storage):
    """Its server is gone before a deletion."""

    def __init__(self, server: S3Server, count: int) -> None:
        super().__init__(replace(server.bucket, prefix="ours"))
        self._server, self._count = server, count

    def delete(self, name: str) -> None:
        self._count -= 1
        if not self._count:
            self._server.kill()
        super().delete(name)


def test_a_storage_that_goes_away_in_the_middle_is_told_and_the_next_prune_goes_on(base: Path) -> None:
    server = S3Server(base)
    archive = OldArchive(base, server)
    plan, before = planned(archive), archive.objects()
    with pytest.raises(StorageError) as caught:
        run_prune(plan.steps, LeavingStorage(server, 30), JsonReport())
    assert "cannot be reached" in caught.value.why
    assert "Everything to be kept is untouched." in caught.value.why
    assert "stockops backup prune" in caught.value.todo
    assert archive.objects() == {name: data for name, data in before.items() if name not in plan.names[:29]}
    assert prune(archive, "--yes", code=1)["error"]["kind"] == "StorageError"
    server.start()
    prune(archive, "--yes")
    assert archive.objects() == {name: data for name, data in before.items() if name not in plan.names}
    server.stop()


def test_without_consent_nothing_goes(folder: OldArchive) -> None:
    before = folder.objects()
    assert prune(folder, code=1)["error"]["kind"] == "NotConfirmedError"
    assert asked(folder, "n")[0] == 1
    assert folder.objects() == before


def test_the_question_names_what_goes_and_the_answer_counts(folder: OldArchive) -> None:
    plan = planned(folder)
    code, said = asked(folder, "y")
    assert code == 0
    assert f"Delete for good: {len(plan.going)} backups ({plan.going[0]}, " in said
    assert "That frees" in said
    assert planned(folder).steps == ()


def test_the_answer_does_not_count_for_more_than_was_asked(folder: OldArchive) -> None:
    """While the question stands, the newest backup is verified, and the one that was the last may go, too."""
    before = folder.objects()
    code, said = asked(folder, "y", meanwhile=lambda: folder.world.verify(folder.backups[-1]))
    assert code == 1
    assert "more than you agreed to" in said
    assert folder.objects().keys() > before.keys()


def asked(archive: OldArchive, answer: str, meanwhile: Callable[[], None] | None = None) -> tuple[int, str]:
    """A prune at a terminal: its exit code, and what it said."""
    with Terminal(archive.instance, "backup", "prune") as terminal:
        terminal.wait_for("[y/N]")
        if meanwhile:
            meanwhile()
        terminal.type(f"{answer}\n")
        return terminal.end(), " ".join(terminal.told.split())


def test_nobody_prunes_while_another_works_on_the_storage(folder: OldArchive) -> None:
    before, layout = folder.objects(), folder.instance.layout
    with exclusive(layout, "backup create", layout.backup_lock):
        error = prune(folder, "--yes", code=1)["error"]
    assert error["kind"] == "BusyError"
    assert "backup create" in error["why"]
    assert folder.objects() == before


def test_the_backups_of_another_instance_are_refused(folder: OldArchive, base: Path) -> None:
    before = folder.objects()
    folder.instance.layout.recipient.write_text(draw_identity(base / "other.key"))
    assert prune(folder, "--yes", code=1)["error"]["kind"] == "ForeignStorageError"
    folder.instance.layout.recipient.write_text(folder.recipient)
    control = folder.instance.layout.postgresql / "global" / "pg_control"
    control.parent.mkdir(parents=True)
    control.write_bytes((8).to_bytes(8, sys.byteorder))
    assert prune(folder, "--yes", code=1)["error"]["kind"] == "ForeignStorageError"
    assert folder.objects() == before
    control.write_bytes(int(folder.world.system_identifier).to_bytes(8, sys.byteorder))
    assert prune(folder, "--yes")["changed"]


def test_a_key_that_was_carried_away_is_not_needed(folder: OldArchive) -> None:
    read_backup_settings(folder.instance.layout).key_file.unlink()
    assert prune(folder, "--yes")["deleted"]


def test_a_history_that_is_damaged_stops_no_prune_and_deletes_no_more(folder: OldArchive) -> None:
    folder.world.restore(folder.backups[-1])
    history = next(folder.files.glob("wal/*.history*"))
    whole = folder.storage
    assert planned(folder).going
    history.write_bytes(b"torn")
    told = prune(folder, "--yes")
    assert [one["kind"] for one in told["warnings"]] == ["key-missing"]
    assert told["deleted"] == []
    assert whole.head("wal/00000002.history.zst.age")


def test_a_history_that_is_damaged_hinders_the_restore_of_its_own_timeline_only(folder: OldArchive) -> None:
    folder.world.restore(folder.backups[-1])
    next(folder.files.glob("wal/*.history*")).write_bytes(b"torn")
    identity = read_identity(read_backup_settings(folder.instance.layout).key_file)
    archive, now = read_archive(folder.storage, identity), datetime.now(UTC)
    with pytest.raises(DamagedBackupError, match=r"history of timeline 2 in .* is damaged") as refused:
        choose(archive, Request(), now)
    assert "--timeline" in refused.value.todo
    assert choose(archive, Request(timeline=1), now).backup == folder.backups[-1]


def test_temporary_files_of_killed_writers_are_swept(folder: OldArchive) -> None:
    left = folder.files / UNFINISHED / "0123456789abcdef"
    left.write_bytes(b"half")
    assert prune(folder, "--yes")["swept"] == 1
    assert not left.exists()
    assert prune(folder, "--yes")["changed"] is False


def test_a_clock_far_ahead_deletes_nothing_by_age_and_says_so(folder: OldArchive) -> None:
    layout = folder.instance.layout
    facts = observe_retention(layout, read_backup_settings(layout))
    ahead = replace(facts, now=facts.now.replace(year=facts.now.year + 10))
    plan = plan_prune(ahead)
    assert plan.going == ()
    assert plan.retention == retain(facts.contents, facts.settings, ahead.now)
    assert plan.retention.refusal
    assert plan.retention.refusal.kind == "clock-jumped"


def test_damaged_backups_are_shown(folder: OldArchive) -> None:
    (folder.files / base_of(folder.backups[-1].id)).unlink()
    (folder.files / manifest_of(folder.backups[-2].id)).write_bytes(b"{}")
    told = prune(folder, "--yes")
    assert [one["backup"] for one in told["damaged"]] == [folder.backups[-2].id, folder.backups[-1].id]
    facts = observe_retention(folder.instance.layout, read_backup_settings(folder.instance.layout))
    assert {one.id for one in catalog(facts.contents) if one.flaw} == {one.id for one in folder.backups[-2:]}
