"""Each thing that can go wrong ends in a line that says why and what to do, and the next `up` recovers."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.ops.conftest import Maker
from tests.integration.ops.instance import Instance, wait_for
from tests.integration.ops.local.recovery import recovers

# --- ports ---------------------------------------------------------------------------------------


def test_a_taken_port_names_the_process_that_holds_it(stubbed: Instance) -> None:
    with socket.create_server(("127.0.0.1", stubbed.port)):
        error = stubbed.refused()
        assert error["kind"] == "PortTakenError"
        assert f"pid {os.getpid()}" in error["why"]
        assert "--port" in error["todo"]
        assert stubbed.processes() == []
        finding = stubbed.run("doctor", "--json", "--port", str(stubbed.port))
        assert finding.code == 1
    recovers(stubbed)


def test_internal_ports_that_others_took_while_it_was_down_are_chosen_anew(used_stub: Instance) -> None:
    used_stub.up()
    before = {part["name"]: part["port"] for part in used_stub.status()["parts"]}
    used_stub.down()
    internal = ("postgresql", "valkey", "backup")
    servers = [socket.create_server(("127.0.0.1", before[name])) for name in internal]
    try:
        recovers(used_stub)
        after = {part["name"]: part["port"] for part in used_stub.status()["parts"]}
        assert all(after[name] != before[name] for name in internal)
        assert after["platform"] == before["platform"]
    finally:
        for server in servers:
            server.close()


def test_ports_that_others_take_before_the_servers_listen_are_drawn_anew(stubbed: Instance) -> None:
    first: dict[str, int] = {}
    servers: list[socket.socket] = []

    def take() -> None:
        wait_for(stubbed.layout.memory.exists, "the ports are drawn", 60)
        first.update(json.loads(stubbed.layout.memory.read_text())["ports"])
        servers.extend(socket.create_server(("127.0.0.1", first[name])) for name in ("postgresql", "valkey"))

    rival = threading.Thread(target=take)
    rival.start()
    try:
        told = stubbed.up().out
        rival.join()
        for name in ("postgresql", "valkey"):
            assert stubbed.part(name)["port"] != first[name]
        assert f"Port {first['postgresql']}, drawn for PostgreSQL, was taken by " in told
        assert f"(pid {os.getpid()}, user " in told
        recovers(stubbed)
    finally:
        rival.join()
        for server in servers:
            server.close()


# --- disk ----------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(base: Path) -> Iterator[Path]:
    """A disk of 900 MiB of its own: a tmpfs where we may mount one, else the test fails and says so."""
    mount = base / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=900m,mode=0711", "tmpfs", str(mount)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.fail("needs the right to mount a tmpfs: run as root, or under `unshare -Urm`")
    yield mount
    subprocess.run(["umount", "--lazy", mount], check=True)


def fill(mount: Path, leave_bytes: int) -> Path:
    filler = mount / "filler"
    with filler.open("wb") as out:
        size = shutil.disk_usage(mount).free - leave_bytes
        os.posix_fallocate(out.fileno(), 0, size)
    return filler


def test_a_disk_without_room_is_refused_with_the_numbers(make: Maker, small_disk: Path) -> None:
    instance = make("disk/data", stub=True)
    filler = fill(small_disk, 10 * 2**20)
    error = instance.refused()
    assert error["kind"] == "DiskFullError"
    assert "10 MiB free, 768 MiB needed" in error["why"]
    filler.unlink()
    recovers(instance)
    instance.remove()


def test_a_disk_that_fills_up_in_the_middle_of_the_import_is_named(make: Maker, small_disk: Path) -> None:
    instance = make("disk/data")
    process = instance.start("up", "--json")
    wait_for(lambda: (instance.layout.logs / "setup.log").exists(), "the setup has begun", 60)
    wait_for(lambda: instance.layout.supervisor_pid.exists(), "the servers run")
    filler = fill(small_disk, 2**20)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 1, out + err
    assert "Traceback" not in out + err
    error = json.loads(out)["error"]
    assert error["kind"] == "DiskFullError", error
    assert str(instance.data) in error["why"]
    filler.unlink()
    recovers(instance)
    assert int(instance.sql("SELECT count(*) FROM bar_1d")) > 100_000
    instance.remove()


def test_a_disk_that_is_full_while_we_write_settings_is_named(make: Maker, small_disk: Path) -> None:
    instance = make("disk/data", stub=True)
    instance.up()
    instance.down()
    filler = fill(small_disk, 0)
    error = instance.refused()
    assert error["kind"] == "DiskFullError", error
    filler.unlink()
    recovers(instance)
    instance.remove()


# --- locks and pid files -------------------------------------------------------------------------


def test_two_ups_at_once_do_not_disturb_each_other(stubbed: Instance, base: Path) -> None:
    go_on = base / "go-on"
    first = stubbed.start("up", "--json", STUB_MIGRATE=f"until:{go_on}")
    try:
        wait_for(lambda: stubbed.layout.supervisor_pid.exists(), "the first is under way")
        error = stubbed.refused()
        assert error["kind"] == "BusyError"
        assert f"pid {first.pid}" in error["why"]
        assert stubbed.refused("down")["kind"] == "BusyError"
    finally:
        go_on.touch()
    out, err = first.communicate(timeout=60)
    assert first.returncode == 0, out + err
    recovers(stubbed)


def test_many_ups_at_once_end_in_one_platform(stubbed: Instance) -> None:
    processes = [stubbed.start("up", "--json") for _ in range(4)]
    codes = sorted((process.communicate(timeout=120), process.returncode)[1] for process in processes)
    assert codes[0] == 0
    assert set(codes) <= {0, 1}
    assert len(stubbed.processes()) == 5
    recovers(stubbed)


def test_stale_locks_and_pid_files_do_not_matter(used_stub: Instance) -> None:
    used_stub.up()
    used_stub.down()
    layout = used_stub.layout
    layout.lock.write_text("stockops up, pid 1, since 00:00:00")
    layout.supervisor_pid.write_text("1\n")
    layout.socket.touch()
    postmaster = layout.postgresql / "postmaster.pid"
    postmaster.write_text(f"{os.getpid()}\n{layout.postgresql}\n1\n1\n\n127.0.0.1\n\nready\n")
    owner = layout.postgresql.stat()
    os.chown(postmaster, owner.st_uid, owner.st_gid)
    (layout.postgresql_unfinished / "cluster").mkdir(parents=True)
    recovers(used_stub)
    assert not layout.postgresql_unfinished.exists()


# --- folders and files ---------------------------------------------------------------------------


def test_a_data_folder_that_is_a_file_is_refused(stubbed: Instance) -> None:
    stubbed.data.write_text("mine")
    assert "is a file" in stubbed.refused()["why"]
    assert stubbed.data.read_text() == "mine"
    stubbed.data.unlink()
    recovers(stubbed)


def test_a_folder_with_other_files_is_not_taken(stubbed: Instance) -> None:
    stubbed.data.mkdir()
    (stubbed.data / "letter.txt").write_text("dear")
    assert "letter.txt" in stubbed.refused()["why"]
    assert [path.name for path in stubbed.data.iterdir()] == ["letter.txt"]


def test_a_corrupt_file_is_named_and_deleting_it_recovers(used_stub: Instance) -> None:
    used_stub.up()
    used_stub.sql("CREATE TABLE kept AS SELECT 42 AS answer")
    layout = used_stub.layout
    for path in (layout.memory, layout.secrets, layout.overrides):
        used_stub.down()
        path.write_text("{ this is = no [ sense")
        error = used_stub.refused()
        assert error["kind"] == "CorruptFileError"
        assert str(path) in error["why"]
        assert used_stub.run("doctor").code == 1
        assert used_stub.status()["problem"]["why"] == error["why"]
        assert f"Problem {error['why']}" in used_stub.run("status").unwrapped
        path.unlink()
        recovers(used_stub)
        assert used_stub.sql("SELECT answer FROM kept") == "42"


def test_lost_passwords_of_a_running_instance_are_set_anew(used: Instance) -> None:
    used.up()
    used.layout.secrets.unlink()
    recovers(used)
    assert used.get("/readyz")["ready"] is True


def test_generated_settings_that_were_changed_are_written_again(used_stub: Instance) -> None:
    used_stub.up()
    used_stub.layout.platform_config.write_text("port = [broken")
    used_stub.layout.supervisor_config.write_text("broken")
    recovers(used_stub)


def test_data_of_another_major_version_are_left_alone(used_stub: Instance) -> None:
    used_stub.up()
    used_stub.down()
    version = used_stub.layout.postgresql / "PG_VERSION"
    version.write_text("17\n")
    error = used_stub.refused()
    assert error["kind"] == "ForeignDataError"
    assert "PostgreSQL 17" in error["why"]
    version.write_text("18\n")
    recovers(used_stub)


def test_a_postgresql_that_somebody_else_runs_on_the_data_is_not_disturbed(used_stub: Instance) -> None:
    used_stub.up()
    used_stub.down()
    layout = used_stub.layout
    owner = layout.postgresql.stat()
    alias = used_stub.data.parent / "alias"
    alias.symlink_to(layout.postgresql)
    who: Any = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    other = subprocess.Popen(
        [used_stub.psql().with_name("postgres"), "-D", alias],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        **who,
    )
    try:
        wait_for(lambda: (layout.postgresql / "postmaster.pid").exists(), "it runs")
        error = used_stub.refused()
        assert f"pid {other.pid}" in error["why"]
        assert other.poll() is None
    finally:
        other.send_signal(signal.SIGINT)
        other.wait(20)
    recovers(used_stub)


def test_a_setting_of_the_environment_that_stockops_decides_is_refused(stubbed: Instance) -> None:
    error = stubbed.refused(STOCK_DATABASE_PORT="5432")
    assert error["kind"] == "ConflictingSettingsError"
    assert "STOCK_DATABASE_PORT" in error["why"]


# --- users ---------------------------------------------------------------------------------------


def test_it_runs_without_root(unprivileged: Instance) -> None:
    recovers(unprivileged)
    owners = {psutil.Process(pid).uids().real for pid in unprivileged.processes()}
    assert owners == {unprivileged.user or os.geteuid()}
    assert not any(unprivileged.layout.programs.iterdir())
    os.kill(unprivileged.pid("supervisor"), signal.SIGKILL)
    wait_for(lambda: not unprivileged.processes(), "no child outlives its supervisor")
    recovers(unprivileged)
    unprivileged.down()


def test_a_folder_that_may_not_be_written_is_refused(unprivileged: Instance) -> None:
    parent = unprivileged.data.parent
    parent.chmod(0o555)
    error = unprivileged.refused()
    assert error["kind"] == "FolderError"
    assert str(parent) in error["why"]
    parent.chmod(0o755)
    recovers(unprivileged)
    unprivileged.down()


def test_the_folder_of_another_user_is_refused(unprivileged: Instance) -> None:
    if os.geteuid() != 0:
        unprivileged.data.mkdir()
        unprivileged.data.chmod(0o500)
    else:
        unprivileged.data.mkdir(mode=0o711)
    for verb in ("up", "status"):
        error = unprivileged.refused(verb)
        assert error["kind"] == "FolderError"
        assert str(unprivileged.data) in error["why"]
    unprivileged.data.rmdir()
    recovers(unprivileged)
    unprivileged.down()


@pytest.mark.parametrize("name", ['"quoted"', "a #b", "$HOME"])
def test_a_path_that_the_servers_tools_cannot_quote_is_refused(make: Maker, name: str) -> None:
    error = make(name, stub=True).refused()
    assert error["kind"] == "FolderError"
    assert "quotation mark" in error["why"]


@pytest.mark.root
def test_root_refuses_a_folder_that_the_servers_user_cannot_reach(make: Maker, base: Path) -> None:
    (base / "closed").mkdir(mode=0o700)
    error = make("closed/data", stub=True).refused()
    assert error["kind"] == "FolderError"
    assert str(base / "closed") in error["why"]
    assert "chmod o+x" in error["todo"]


@pytest.mark.root
def test_root_goes_on_with_the_user_that_owns_the_cluster(make: Maker, base: Path) -> None:
    instance = make(stub=True)
    instance.up()
    instance.down()
    for path in (instance.layout.postgresql, *instance.layout.postgresql.rglob("*")):
        os.chown(path, 65534, 65534)
    recovers(instance)
    assert psutil.Process(instance.pid("postgresql")).uids().real == 65534
    assert base.exists()
