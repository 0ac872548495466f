"""Bad days of a backup: whatever cuts it off, it is no backup, its programs end, and the next one works."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from stock_analysis.testing.postgres import unprivileged_user
from stock_ops.archive.facts.server import Address, read_address
from stock_ops.backup.facts.creation import CreationFacts, observe_creation
from stock_ops.backup.plans.creation import plan_backup
from stock_ops.backup.runners.create import make_backup
from stock_ops.backup.runners.mark import hold_mark
from stock_ops.kit.backup_settings import read_backup_settings
from stock_ops.kit.errors import ArchiveError, OpsError, PartError
from stock_ops.kit.files import exclusive, is_held
from stock_ops.kit.report import JsonReport
from stock_ops.local.facts.processes import control
from stock_ops.storage.facts.contents import Contents, read_contents
from stock_ops.storage.folder import UNFINISHED, FolderStorage
from stock_ops.storage.storage import StorageError, write_bytes
from tests.contract.ops.storage.s3_server import S3Server
from tests.integration.ops.backed_up import verb
from tests.integration.ops.backup import killed_backup
from tests.integration.ops.by_hand import superuser
from tests.integration.ops.insider import authentic
from tests.integration.ops.instance import Instance, shares_by_session, wait_for
from tests.integration.ops.template import Template
from tests.integration.ops.terminal import Terminal
from tests.room import a_folder

PATIENCE_S = 120.0
STEPS = ("Storage", "Clean up", "Base backup", "Mark", "Valkey", "Content", "Dump", "Log", "Manifest")
CHILDREN = {"pg_basebackup", "pg_dump"}


@pytest.fixture(scope="module")
def instance(stub_template: Template) -> Iterator[Instance]:
    """One that has a backup."""
    with a_folder() as base:
        instance = Instance(base / "data", stub=True)
        stub_template.give(instance)
        instance.up()
        instance.sql(
            "CREATE TABLE ledger AS SELECT n AS id, md5(n::text) AS text FROM generate_series(1, 5000) AS n"
        )
        verb(instance, "backup", "create")
        yield instance
        instance.remove()


@pytest.fixture
def large(instance: Instance) -> Iterator[None]:
    """A file in the cluster that makes its copy last."""
    path = instance.layout.postgresql / "large"
    with path.open("wb") as file:
        for _ in range(300):
            file.write(os.urandom(2**20))
    if user := unprivileged_user():
        shutil.chown(path, user)
    yield
    path.unlink()


def contents(instance: Instance) -> Contents:
    return read_contents(FolderStorage(instance.backups))


def backups(instance: Instance) -> list[str]:
    return [one.id for one in contents(instance).archive.backups]


def children(instance: Instance) -> list[psutil.Process]:
    """PostgreSQL's programs that read this instance's server."""
    port = str(json.loads(instance.layout.memory.read_text())["ports"]["postgresql"])
    found = psutil.process_iter(["name", "cmdline"])
    return [one for one in found if one.info["name"] in CHILDREN and port in (one.info["cmdline"] or [])]


def assert_clean(instance: Instance, before: list[str]) -> None:
    """No backup more, nothing half-made, nobody left at work."""
    found = contents(instance)
    assert [one.id for one in found.archive.backups] == before
    assert not found.unfinished
    assert not children(instance)
    assert not [one for one in (instance.backups / UNFINISHED).iterdir() if one.stat().st_size > 2**24]


def begin(instance: Instance) -> "subprocess.Popen[str]":
    """`backup create --full`, once its base backup runs."""
    python, dash, module, _, *rest = instance.command("backup")
    command = [python, dash, module, "backup", "create", *rest, "--full", "--json"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=instance.variables(), cwd="/",
        preexec_fn=_hear_ctrl_c,
    )  # fmt: skip
    wait_for(lambda: children(instance), "the base backup runs", PATIENCE_S)
    return process


def _hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ended(process: "subprocess.Popen[str]", code: int = 1) -> dict[str, Any]:
    """The error of a create that must fail in words."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, out + err
    assert "Traceback" not in out + err
    error: dict[str, Any] = json.loads(out)["error"]
    assert error["todo"]
    return error


@contextmanager
def storage_taken(instance: Instance) -> Iterator[None]:
    """While somebody else works on the storage; the instance itself may have to end a prune first."""
    lock = instance.layout.backup_lock
    with exclusive(instance.layout, "backup prune", lock, patience_s=PATIENCE_S):
        yield


# --- killed -----------------------------------------------------------------------------------------


def killed(instance: Instance, title: str, delay_s: float) -> int:
    """Run a create that dies so long after the begin of a step; its exit code."""
    return instance.run_module(killed_backup, instance.data, title, delay_s).code


@pytest.mark.fault
def test_killed_at_any_step_it_is_no_backup_and_the_next_one_cleans_up(instance: Instance) -> None:
    before = backups(instance)
    for title in STEPS:
        assert killed(instance, title, 0.0) == -signal.SIGKILL
        assert backups(instance) == before
        wait_for(lambda: not children(instance), "PostgreSQL's programs end", PATIENCE_S)
    assert contents(instance).unfinished
    made = verb(instance, "backup", "create", "--full")["backup"]
    assert_clean(instance, [*before, made])
    assert sorted(path.name for path in instance.layout.manifests.iterdir()) == sorted([*before, made])
    assert verb(instance, "backup", "verify", made)["whole"] == [made]


@pytest.mark.fault
@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("delay_s", [0.1, 0.4, 0.9])
def test_killed_within_the_base_backup_it_is_no_backup(instance: Instance, delay_s: float) -> None:
    before = backups(instance)
    assert killed(instance, "Base backup", delay_s) == -signal.SIGKILL
    wait_for(lambda: not children(instance), "PostgreSQL's programs end", PATIENCE_S)
    assert backups(instance) == before
    verb(instance, "backup", "create")
    assert not contents(instance).unfinished


@pytest.mark.fault
@pytest.mark.parametrize("delay_s", [0.001, 0.003, 0.01, 0.03])
def test_killed_while_it_writes_the_manifest_it_is_a_whole_backup_or_none(
    instance: Instance, delay_s: float
) -> None:
    before = backups(instance)
    killed(instance, "Manifest", delay_s)
    come = sorted(set(backups(instance)) - set(before))
    if come:
        assert verb(instance, "backup", "verify", *come)["ok"]
    assert not contents(instance).archive.damaged


# --- stopped ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_by_its_operator_it_leaves_nothing(instance: Instance, number: signal.Signals) -> None:
    before = backups(instance)
    process = begin(instance)
    process.send_signal(number)
    error = ended(process, code=130)
    assert error["why"].startswith("Interrupted during: Base backup.")
    assert_clean(instance, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopped_while_it_waits_for_the_storage_it_leaves_nothing(
    instance: Instance, number: signal.Signals
) -> None:
    before = backups(instance)
    with storage_taken(instance), Terminal(instance, "backup", "create") as terminal:
        terminal.wait_for("for stockops backup prune, pid")
        if number == signal.SIGINT:
            terminal.type("\x03")
        else:
            terminal.send(number)
        assert terminal.end() == 130, terminal.told
        assert "Nothing was changed." in terminal.told
    assert_clean(instance, before)


@pytest.mark.fault
@pytest.mark.usefixtures("large")
def test_a_command_that_is_killed_leaves_nobody_at_work_and_nothing_locked(instance: Instance) -> None:
    before = backups(instance)
    with begin(instance) as process:
        process.kill()
    wait_for(lambda: not children(instance), "pg_basebackup is gone")
    assert backups(instance) == before
    wait_for(lambda: not is_held(instance.layout.backup_lock), "the lock is free")
    verb(instance, "backup", "create")
    assert not contents(instance).unfinished


@pytest.mark.fault
@pytest.mark.usefixtures("large")
def test_postgresql_stopped_in_the_middle(instance: Instance) -> None:
    before = backups(instance)
    process = begin(instance)
    os.kill(instance.pid("postgresql"), signal.SIGQUIT)
    error = ended(process)
    assert error["kind"] == "PartError"
    assert "The base backup failed" in error["why"]
    assert_clean(instance, before)
    wait_until_archived(instance)
    verb(instance, "backup", "create")


def wait_until_archived(instance: Instance) -> None:
    def is_archived() -> bool:
        facts = observe_creation(instance.layout, settings(instance))
        return facts.archive is not None and facts.archive.streaming

    def look() -> bool:
        try:
            return is_archived()
        except OpsError:
            return False

    wait_for(look, "the log is archived again", PATIENCE_S)


def settings(instance: Instance) -> Any:
    return read_backup_settings(instance.layout, {"XDG_CONFIG_HOME": str(instance.settings)})


def test_two_at_once(instance: Instance) -> None:
    with storage_taken(instance):
        told = verb(instance, "backup", "create", code=1)
    assert told["error"]["kind"] == "BusyError"
    assert "stockops backup prune" in told["error"]["why"]


def test_a_prune_that_ends_soon_is_waited_for(instance: Instance) -> None:
    python, dash, module, _, *rest = instance.command("backup")
    command = [python, dash, module, "backup", "verify", *rest]
    with storage_taken(instance):
        waiting = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd="/", env=instance.variables()
        )
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(8)
    with waiting:
        out, _ = waiting.communicate(timeout=PATIENCE_S)
    assert waiting.returncode == 0, out
    assert "for stockops backup prune, pid" in out


# --- the storage ------------------------------------------------------------------------------------


def facts_of(instance: Instance) -> CreationFacts:
    return observe_creation(instance.layout, settings(instance))


@pytest.mark.root
@pytest.mark.usefixtures("large")
def test_the_storage_becomes_full_in_the_middle(instance: Instance, base: Path) -> None:
    place = base / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", place], check=True)
    try:
        storage = FolderStorage(place / "backups")
        facts = replace(facts_of(instance), storage=storage, owner=None)
        with pytest.raises(StorageError, match="is full") as caught:
            make_backup(plan_backup(facts, full=True), facts, JsonReport())
        assert "keep_days" in caught.value.todo
        assert [one.name for one in storage.list()] == ["repository.json"]
        assert not list((place / "backups" / UNFINISHED).iterdir())
    finally:
        subprocess.run(["umount", "-l", place], check=True)
    assert not children(instance)


@pytest.mark.usefixtures("large")
def test_the_storage_goes_away_in_the_middle(instance: Instance, base: Path) -> None:
    server = S3Server(base)
    storage = server.storage("ours", timeout_s=2)
    facts = replace(facts_of(instance), storage=storage, owner=None)

    def kill() -> None:
        wait_for(lambda: children(instance), "the base backup runs", PATIENCE_S)
        server.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(StorageError):
        make_backup(plan_backup(facts, full=True), facts, JsonReport())
    killer.join()
    assert not children(instance)
    server.start()
    assert not read_contents(storage).archive.backups
    server.stop()


def test_log_that_does_not_arrive_makes_no_backup(
    instance: Instance, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stock_ops.backup.runners.create._SHIPPING_S", 0.5)
    elsewhere = FolderStorage(base / "elsewhere")
    facts = replace(facts_of(instance), storage=elsewhere, owner=None)
    with pytest.raises(ArchiveError, match="has not reached"):
        make_backup(plan_backup(facts, full=True), facts, JsonReport())
    assert [one.name for one in elsewhere.list()] == ["repository.json"]


def test_wrong_keys_are_refused_and_not_shown(instance: Instance, base: Path) -> None:
    server = S3Server(base)
    storage = server.storage("ours", secret_access_key="N0T-THE-K3Y")
    facts = replace(facts_of(instance), storage=storage, owner=None)
    with pytest.raises(StorageError, match="refuses the keys") as caught:
        make_backup(plan_backup(facts, full=True), facts, JsonReport())
    assert "N0T-THE-K3Y" not in caught.value.why + caught.value.todo
    server.stop()


# --- the parts --------------------------------------------------------------------------------------


@contextmanager
def without(instance: Instance, part: str) -> Iterator[None]:
    """While a part is stopped."""
    with control(instance.layout) as remote:
        remote.stopProcess(part, True)
    try:
        yield
    finally:
        with control(instance.layout) as remote:
            remote.startProcess(part, True)
        wait_until_archived(instance)


def test_without_the_archive_it_says_what_to_do(instance: Instance) -> None:
    with without(instance, "backup"):
        told = verb(instance, "backup", "create", code=1)
        mark = verb(instance, "backup", "mark", "lost", code=1)
    assert told["error"]["kind"] == mark["error"]["kind"] == "ArchiveError"
    assert "stockops up" in told["error"]["todo"]


def test_without_postgresql_it_says_what_to_do(instance: Instance) -> None:
    with without(instance, "postgresql"):
        told = verb(instance, "backup", "create", code=1)
    assert told["error"] == {
        "kind": "PartError",
        "why": "The database: PostgreSQL does not run.",
        "todo": f"Start it with: stockops up --data {instance.data}",
        "exit_code": 1,
    }


def test_a_server_that_cannot_say_whom_to_slow_down_makes_no_backup_fail(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def no_room(_address: Address) -> list[int]:
        asked.append("whom to slow down")
        raise asyncpg.TooManyConnectionsError("sorry, too many clients already")

    monkeypatch.setattr("stock_ops.backup.runners.create.read_servants", no_room)
    facts = facts_of(instance)
    made = make_backup(plan_backup(facts, full=True), facts, JsonReport())
    assert len(asked) == 2
    assert verb(instance, "backup", "verify", made.manifest.id)["whole"] == [made.manifest.id]


def test_without_valkey_the_database_is_backed_up_and_that_is_said(instance: Instance) -> None:
    with without(instance, "valkey"):
        told = verb(instance, "backup", "create")
    assert told["valkey_keys"] is None
    assert "Valkey does not answer" in told["valkey_flaw"]
    shown = verb(instance, "backup", "show", told["backup"])
    assert "valkey" not in [part["role"] for part in shown["parts"]]


# --- the mark ---------------------------------------------------------------------------------------


@pytest.fixture
async def writer(instance: Instance) -> AsyncIterator[asyncpg.Connection]:
    connection = await as_superuser(instance)
    yield connection
    await connection.close()


async def as_superuser(instance: Instance) -> asyncpg.Connection:
    port = json.loads(instance.layout.memory.read_text())["ports"]["postgresql"]
    return await asyncpg.connect(
        host="127.0.0.1", port=port, user="postgres", password=superuser(instance), database="stock_analysis"
    )


async def test_the_mark_waits_for_who_writes_and_holds_off_nobody_meanwhile(
    instance: Instance, writer: asyncpg.Connection
) -> None:
    other = await as_superuser(instance)
    change = writer.transaction()
    await change.start()
    await writer.execute("UPDATE ledger SET text = 'changed' WHERE id = 1")

    async def mark() -> str:
        reading = other.transaction(isolation="repeatable_read", readonly=True)
        async with hold_mark(read_address(instance.layout), "waits") as held, reading:
            await other.execute(f"SET TRANSACTION SNAPSHOT '{held.snapshot}'")
            return str(await other.fetchval("SELECT text FROM ledger WHERE id = 1"))

    marking = asyncio.create_task(mark())
    await asyncio.sleep(1.5)
    assert not marking.done()
    begun = time.monotonic()
    await other.execute("UPDATE ledger SET text = 'another' WHERE id = 2")
    waited_s = time.monotonic() - begun
    await change.commit()
    assert await asyncio.wait_for(marking, PATIENCE_S) == "changed"
    assert waited_s < 30
    await other.close()


@shares_by_session
@pytest.mark.usefixtures("large")
async def test_the_mark_gives_no_way_for_others_wait_for_it(
    instance: Instance, writer: asyncpg.Connection
) -> None:
    change = writer.transaction()
    await change.start()
    await writer.execute("UPDATE ledger SET text = 'changed' WHERE id = 1")
    process = begin(instance)
    try:
        (leader,) = psutil.Process(process.pid).children()
        session = Path(f"/proc/{leader.pid}/autogroup")

        def is_low(nice: int) -> bool:
            return session.read_text().endswith(f" nice {nice}\n")

        await asyncio.to_thread(wait_for, lambda: is_low(15), "the base backup gives way", PATIENCE_S)
        await asyncio.to_thread(wait_for, lambda: is_low(0), "the mark goes first", PATIENCE_S)
        assert not children(instance)
        await change.rollback()
        out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, out + err
    finally:
        process.kill()
        process.communicate()


async def test_a_table_that_is_just_being_made_lies_before_the_mark_or_after_it(
    instance: Instance, writer: asyncpg.Connection
) -> None:
    change = writer.transaction()
    await change.start()
    await writer.execute("CREATE TABLE made_meanwhile (id int); INSERT INTO made_meanwhile VALUES (1)")

    async def mark() -> bool:
        async with hold_mark(read_address(instance.layout), "after-the-table") as held:
            return bool(await held.holder.fetchval("SELECT to_regclass('made_meanwhile') IS NOT NULL"))

    marking = asyncio.create_task(mark())
    await asyncio.sleep(1.5)
    assert not marking.done()
    await change.commit()
    assert await asyncio.wait_for(marking, PATIENCE_S)


async def test_who_never_ends_is_named(
    instance: Instance, writer: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stock_ops.backup.runners.mark._PATIENCE_S", 0.1)
    change = writer.transaction()
    await change.start()
    await writer.execute("DELETE FROM ledger WHERE id = 3")
    pid = await writer.fetchval("SELECT pg_backend_pid()")
    with pytest.raises(PartError, match=rf"pid {pid}\) has had a transaction open") as caught:
        async with hold_mark(read_address(instance.layout), "never"):
            pass
    assert "End that transaction" in caught.value.todo
    await change.rollback()


def test_a_mark_is_named_once(instance: Instance) -> None:
    told = verb(instance, "backup", "mark", "before-release")
    (mark,) = [one for one in contents(instance).archive.marks if one.name == "before-release"]
    assert (mark.lsn, mark.timeline) == (told["lsn"], told["timeline"])
    again = verb(instance, "backup", "mark", "before-release", code=1)
    assert again["error"]["kind"] == "TakenMarkError"
    assert told["at"][:19].replace("T", " ") in again["error"]["why"]


def test_a_mark_that_was_cut_off_keeps_its_name(instance: Instance) -> None:
    held = authentic(instance.backups, next(instance.settings.rglob("*.key")))
    write_bytes(held, "marks/half.json", b'{"name": null}\n')
    told = verb(instance, "backup", "mark", "half", code=1)
    assert "was interrupted" in told["error"]["why"]


@pytest.mark.parametrize("name", ["backup-1", "../x", "a b", "x" * 61, ".hidden"])
def test_a_bad_name_is_wrong_usage(instance: Instance, name: str) -> None:
    python, dash, module, _, *rest = instance.command("backup")
    command = [python, dash, module, "backup", "mark", name, *rest]
    done = subprocess.run(command, capture_output=True, text=True, env=instance.variables(), check=False)
    assert done.returncode == 2
    assert "cannot name a mark" in done.stderr
