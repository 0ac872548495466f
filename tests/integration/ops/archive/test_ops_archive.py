"""The log reaches the storage without a gap, whatever is killed or away; where it cannot, that is told."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import psutil
import pytest

from stock_ops.archive.plans.spool import SPOOL_BYTES
from stock_ops.kit.backup_settings import read_backup_settings
from stock_ops.local.facts.part import read_part_memory
from stock_ops.local.facts.processes import control
from stock_ops.storage.facts.place import open_storage
from stock_ops.storage.wal import SEGMENT_BYTES
from tests.contract.ops.storage.s3_server import BUCKET, S3Server
from tests.integration.ops.archived import (
    PATIENCE_S,
    assert_whole,
    is_shipped,
    make_tables,
    shipped_names,
    state_of_archive,
    storage,
    wait_until_shipped,
    warnings,
    write_row,
    write_segments,
)
from tests.integration.ops.backed_up import verb
from tests.integration.ops.conftest import Maker
from tests.integration.ops.instance import Instance, dead, shares_by_session, wait_for


@pytest.fixture
def archived(used_stub: Instance) -> Instance:
    """A running instance with a table, whose log is in the storage."""
    used_stub.up()
    make_tables(used_stub)
    wait_until_shipped(used_stub)
    return used_stub


def receiver(instance: Instance) -> psutil.Process:
    """pg_receivewal, once it runs."""
    found: list[psutil.Process] = []

    def look() -> bool:
        children = psutil.Process(instance.pid("backup")).children()
        found[:] = [child for child in children if child.name() == "pg_receivewal"]
        return bool(found)

    wait_for(look, "pg_receivewal runs", PATIENCE_S)
    return found[0]


def stop(instance: Instance) -> None:
    """Stop the part alone."""
    pid = instance.pid("backup")
    with control(instance.layout) as supervisor:
        supervisor.stopProcess("backup", False)
    wait_for(lambda: dead(pid), "it is stopped", PATIENCE_S)


def start(instance: Instance) -> None:
    """Start it again."""
    with control(instance.layout) as supervisor:
        supervisor.startProcess("backup", False)


def test_an_acknowledged_row_is_in_the_storage_while_its_segment_is_still_written(archived: Instance) -> None:
    write_row(archived, "needle-in-the-log")
    wait_for(lambda: is_shipped(archived, "needle-in-the-log"), "the row is in the storage", PATIENCE_S)
    server = psutil.Process(archived.pid("postgresql"))
    assert receiver(archived).uids().real == server.uids().real
    assert (archived.backups.stat().st_mode & 0o077, archived.layout.recipient.stat().st_mode & 0o077) == (
        0,
        0,
    )


def test_down_ships_what_was_written_last_and_a_second_up_changes_nothing(archived: Instance) -> None:
    children = psutil.Process(archived.pid("backup")).children(recursive=True)
    assert archived.run("up", "--json").json["changed"] is False
    write_row(archived, "the-last-row")
    assert archived.run("down", "--json").json["archive_trouble"] is None
    assert is_shipped(archived, "the-last-row")
    assert all(dead(child.pid) for child in children)
    archived.up()
    write_segments(archived, 2)
    wait_until_shipped(archived)
    assert_whole(archived)


def test_the_end_waits_for_a_server_that_just_crashed(archived: Instance) -> None:
    receiver(archived).suspend()
    write_row(archived, "before-the-crash")
    receiver(archived).kill()
    checkpointer(archived).kill()
    stop(archived)
    assert is_shipped(archived, "before-the-crash")


def checkpointer(instance: Instance) -> psutil.Process:
    """A part of the server; when it is killed, the whole server begins anew."""
    children = psutil.Process(instance.pid("postgresql")).children()
    return next(child for child in children if "checkpointer" in " ".join(child.cmdline()))


@contextmanager
def moved_away(folder: Path) -> Iterator[None]:
    """A disk that is not mounted: its place is an empty folder."""
    away = folder.with_name(f"{folder.name}-away")
    folder.rename(away)
    folder.mkdir()
    yield
    assert list(folder.iterdir()) == []
    folder.rmdir()
    away.rename(folder)


def test_while_the_storage_is_away_the_spool_has_a_bound_and_nothing_is_lost(archived: Instance) -> None:
    before = shipped_names(archived)
    with moved_away(archived.backups):
        write_segments(archived, SPOOL_BYTES // SEGMENT_BYTES + 8)
        told = {"storage-unreachable", "spool-full"}
        wait_for(lambda: told <= warnings(archived), "both are told", PATIENCE_S)
        wait_for(lambda: not state_of_archive(archived).streaming, "receiving is paused", PATIENCE_S)
        found = state_of_archive(archived)
        assert SPOOL_BYTES <= found.spool_bytes <= SPOOL_BYTES + 8 * SEGMENT_BYTES
        assert found.slot_retained_bytes
        assert found.failures
        assert "is empty, and was not before" in (found.last_error or "")
        assert "Mount the disk" in archived.run("status").unwrapped
        assert archived.status()["state"] == "running"
    wait_until_shipped(archived)
    assert state_of_archive(archived).last_error is None
    wait_for(lambda: not told & warnings(archived), "nothing is told any more", PATIENCE_S)
    assert "archive-broken" not in warnings(archived)
    assert len(shipped_names(archived)) >= len(before) + SPOOL_BYTES // SEGMENT_BYTES + 8
    assert_whole(archived)
    times = [one.modified for one in storage(archived).list("wal/") if ".partial" not in one.name]
    assert times == sorted(times)


def test_down_says_that_the_storage_lacks_log_and_the_next_start_goes_on(archived: Instance) -> None:
    with moved_away(archived.backups):
        write_row(archived, "while-it-is-away")
        told = archived.run("down").out
        assert "the write-ahead log after 20" in told
        assert "has not been archived yet" in told
    archived.up()
    wait_until_shipped(archived)
    assert is_shipped(archived, "while-it-is-away")
    assert "archive-broken" not in warnings(archived)


MOST_KEPT_BYTES = 2**30
"""The server gives up log beyond four times as much, whoever wants it."""


def kept_bytes(instance: Instance) -> int:
    """The log that the server keeps for the archive."""
    return int(instance.sql("SELECT pg_current_wal_lsn() - restart_lsn FROM pg_replication_slots"))


@pytest.fixture
def backed_up(archived: Instance) -> Instance:
    """It has a backup, so that the part makes none by itself, which would make the log before it needless."""
    verb(archived, "backup", "create")
    stop(archived)
    start(archived)
    wait_until_shipped(archived)
    return archived


@pytest.mark.parametrize("victim", ["backup", "pg_receivewal", "postgresql"])
def test_whatever_is_killed_under_load_the_log_has_no_gap(backed_up: Instance, victim: str) -> None:
    done = threading.Event()
    written: list[str] = []

    def write() -> None:
        while not done.is_set():
            try:
                if kept_bytes(backed_up) > MOST_KEPT_BYTES:
                    time.sleep(0.2)
                    continue
                write_segments(backed_up, 1)
                row = f"row-{len(written)}"
                write_row(backed_up, row)
                written.append(row)
                time.sleep(0.05)
            except Exception:  # noqa: BLE001 - the server was killed: this row was not acknowledged
                time.sleep(0.2)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(2):
            enough = len(written) + 2
            pid = receiver(backed_up).pid if victim == "pg_receivewal" else backed_up.pid(victim)
            os.kill(pid, signal.SIGKILL)
            wait_for(partial(_has, written, enough), "writing goes on", PATIENCE_S)
            wait_for(lambda: backed_up.status()["state"] == "running", "all is well", PATIENCE_S)
    finally:
        done.set()
        writer.join()
    wait_until_shipped(backed_up)
    assert_whole(backed_up)
    assert is_shipped(backed_up, written[-1])
    assert "archive-broken" not in warnings(backed_up)


def test_a_receiver_that_was_killed_while_it_made_a_file_makes_it_again(archived: Instance) -> None:
    stop(archived)
    (partial,) = archived.layout.spool.glob("*.partial")
    for size in (0, SEGMENT_BYTES // 3):
        os.truncate(partial, size)
    start(archived)
    write_row(archived, "after-half-a-file")
    wait_until_shipped(archived)
    assert is_shipped(archived, "after-half-a-file")


def test_a_backup_waits_for_an_archive_that_has_just_begun(archived: Instance) -> None:
    for _ in range(3):  # the longer it is killed, the longer it rests
        receiver(archived).kill()
    assert verb(archived, "backup", "create", "--dry-run")["ok"]
    assert state_of_archive(archived).streaming


@pytest.mark.alone  # beside others it would miss who works for a moment only
@shares_by_session
def test_the_server_gives_way_to_others_where_it_works_for_a_backup(archived: Instance) -> None:
    archived.sql("CREATE TABLE bulk AS SELECT n, md5(n::text) FROM generate_series(1, 500000) AS n")
    postmaster = psutil.Process(archived.pid("postgresql"))
    streaming = servants(postmaster)
    seen: dict[int, tuple[str, int, int]] = {}
    python, dash, module, _, *rest = archived.command("backup")
    command = [python, dash, module, "backup", "create", *rest]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=archived.variables(), cwd="/") as backup:
        while backup.poll() is None:
            for pid, servant in servants(postmaster).items():
                seen[pid] = max(servant, seen.get(pid, servant))
    assert backup.returncode == 0
    assert {seen.pop(pid) for pid in streaming} == set(streaming.values())
    assert {tuple(nice) for _, *nice in streaming.values()} == {(os.nice(0), 0)}
    low = [kind for kind, *nice in seen.values() if nice == [15, 15]]
    assert low.count("walsender") == 1  # the base backup
    assert low.count("stock_backup") >= 3  # two that measure the content, and one that dumps it


def servants(postmaster: psutil.Process) -> dict[int, tuple[str, int, int]]:
    """Processes of the server that work for the backups: kind, niceness, and that of their session."""
    found = {}
    for child in postmaster.children():
        with suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):  # it has ended
            title, group = " ".join(child.cmdline()), Path(f"/proc/{child.pid}/autogroup").read_text()
            for kind in ("walsender", "stock_backup"):
                if kind in title:
                    found[child.pid] = kind, child.nice(), int(group.split()[-1])
                    break
    return found


def _has(rows: list[str], count: int) -> bool:
    return len(rows) >= count


def test_log_that_nobody_kept_is_told_and_has_a_new_full_backup_wanted(archived: Instance) -> None:
    stop(archived)
    archived.sql("SELECT pg_drop_replication_slot('stock_backup')")
    write_segments(archived, 3)
    archived.sql("CHECKPOINT")
    write_segments(archived, 1)
    archived.sql("CHECKPOINT")
    start(archived)
    wait_for(lambda: "archive-broken" in warnings(archived), "it is told", PATIENCE_S)
    wait_until_shipped(archived)
    memory = read_part_memory(archived.layout)
    assert memory.broken_at
    assert [one.segment < memory.broken_at for one in memory.breaks] == [True]
    assert "write-ahead log is lost from" in archived.run("logs", "backup", "-n", "50").out
    wanted = f"stockops backup create --data {archived.data} --full"
    assert wanted in archived.run("status").unwrapped
    stop(archived)
    start(archived)
    wait_for(lambda: "archive-broken" in warnings(archived), "a start does not forget it", PATIENCE_S)


def test_a_bucket_that_refuses_the_keys_is_told_and_the_right_keys_are_enough(
    make: Maker, base: Path
) -> None:
    server = S3Server(base)
    try:
        instance = make(stub=True)
        instance.layout.config.mkdir(parents=True)
        instance.layout.memory.write_text('{"format": 1, "ports": {}}')
        instance.layout.backup_settings.write_text(
            f'storage = "s3://{BUCKET}/ours"\ns3_endpoint = "{server.bucket.endpoint}"\n'
        )
        keys = instance.layout.backup_credentials
        keys.write_text('access_key_id = "tester"\nsecret_access_key = "wrong"\n')
        keys.chmod(0o600)
        instance.up()
        make_tables(instance)
        wait_for(lambda: "storage-unreachable" in warnings(instance), "it is told", PATIENCE_S)
        why = f"s3://{BUCKET}/ours refuses the keys: the secret does not fit"
        assert why in instance.run("status").unwrapped
        finding = instance.run("doctor", "--json").json["findings"]
        assert [one["state"] for one in finding if one["check"] == "Storage unreachable"] == ["failed"]
        keys.write_text(
            f'access_key_id = "tester"\nsecret_access_key = "{server.bucket.secret_access_key}"\n'
        )
        write_row(instance, "needle-in-a-bucket")
        wait_until_shipped(instance)
        settings = read_backup_settings(instance.layout, {"XDG_CONFIG_HOME": f"{instance.settings}"})
        assert is_shipped(instance, "needle-in-a-bucket", open_storage(instance.layout, settings))
        logs = "".join(path.read_text() for path in instance.layout.logs.iterdir())
        assert server.bucket.secret_access_key not in logs
        instance.down()
    finally:
        server.stop()


def test_backups_that_are_turned_off_leave_no_part_and_no_log_on_the_server(archived: Instance) -> None:
    archived.layout.backup_settings.write_text("enabled = false\n")
    archived.up()
    assert [part["name"] for part in archived.status()["parts"]] == ["postgresql", "valkey", "platform"]
    assert archived.sql("SELECT count(*) FROM pg_replication_slots") == "0"
    assert archived.run("up", "--json").json["changed"] is False
    archived.layout.backup_settings.unlink()
    archived.up()
    wait_until_shipped(archived)
    assert state_of_archive(archived).streaming
