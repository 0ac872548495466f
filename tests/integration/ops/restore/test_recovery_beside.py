"""Recovery by a server of another image: recover.sh as it runs there, on a folder that both share."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from stock_ops.kit.accounts import service_account
from stock_ops.kit.container import NobodyRecoversError
from stock_ops.kit.errors import FolderError, OutOfReachError
from stock_ops.kit.layout import Layout
from stock_ops.local.facts.programs import observe_programs
from stock_ops.restore.facts.fitness import observe_here
from stock_ops.restore.plans.recovery import Request
from stock_ops.restore.runners import beside
from stock_ops.restore.runners.scratch import Place, ScratchError, scratch_server
from tests.integration.ops.backed_up import BackedUp, back_up
from tests.integration.ops.template import Template
from tests.room import a_folder

SCRIPT = Path(__file__).parents[4] / "deploy" / "compose" / "postgresql" / "recover.sh"
OTHERS = ("-c", "work_mem=7MB")
"""What the other container is given goes before what it is asked for."""
CLIENT = """
import sys, time
from pathlib import Path
from typing import Any
from stock_ops.restore.runners.beside import server_beside
door, cluster = map(Path, sys.argv[1:3])
settings = {"listen_addresses": "", "unix_socket_directories": str(cluster)}
with server_beside(door, cluster, settings, Path(sys.argv[3])):
    print("taken", flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def origin(stub_template: Template) -> Iterator[BackedUp]:
    with a_folder() as ground:
        found = back_up(ground, stub_template)
        yield found
        found.instance.remove()


@contextmanager
def recovering(origin: BackedUp, door: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The script beside us, as the user of the cluster."""
    account = service_account(origin.instance.layout.postgresql)
    door.mkdir()
    if account:
        os.chown(door, account.uid, account.gid)
    script = door.with_name("recover.sh")
    script.write_text(SCRIPT.read_text())
    process = subprocess.Popen(
        ["/bin/sh", script, *OTHERS],
        env={"PATH": f"{origin.binaries}:/usr/bin:/bin", "STOCKOPS_RECOVERY": str(door)},
        cwd="/",
        user=account.uid if account else None,
        group=account.gid if account else None,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            assert process.wait(60) == 0
            assert servers(door.parent) == []
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def layout(origin: BackedUp, base: Path) -> Layout:
    return origin.target(base / "data")


@pytest.fixture
def door(origin: BackedUp, layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    door = layout.root / ".recovery"
    monkeypatch.setenv("STOCKOPS_RECOVERY", str(door))
    with recovering(origin, door):
        yield door


def servers(folder: Path) -> list[psutil.Process]:
    """Those that work on a cluster in the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() == "postgres" and folder in Path(process.cwd()).parents:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def place_of(origin: BackedUp, layout: Layout) -> Place:
    work = layout.root / "work"
    work.mkdir(exist_ok=True)
    work.chmod(0o711)
    account = service_account(layout.postgresql)
    return Place(layout.postgresql, work, observe_programs(), origin.binaries, account)


def test_a_restore_recovers_there_and_brings_every_row_back(
    origin: BackedUp, layout: Layout, door: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    def counted(*words: Any) -> AbstractContextManager[beside.ServerBeside]:
        started.append(words)
        return beside.server_beside(*words)

    monkeypatch.setattr("stock_ops.restore.runners.scratch.server_beside", counted)
    origin.restore(layout)
    assert len(started) == 3  # to the backup's mark, to the target, and to settle
    monkeypatch.delenv("STOCKOPS_RECOVERY")
    assert origin.rows(layout.postgresql) == origin.points["latest"].rows
    assert sorted(path.name for path in door.iterdir()) == ["answer", "extensions", "request"]


def test_its_own_options_go_before_those_of_the_request(origin: BackedUp, layout: Layout, door: Path) -> None:
    with scratch_server(
        place_of(origin, layout), {"work_mem": "9MB", "maintenance_work_mem": "65MB"}
    ) as server:
        server.wait_until(lambda: server.ask("SELECT 1"))
        assert server.ask("SHOW work_mem") == "7MB"
        assert server.ask("SHOW maintenance_work_mem") == "65MB"
        (parent,) = {process.parent() for process in servers(layout.root)} - set(servers(layout.root))
        assert parent
        assert str(door.with_name("recover.sh")) in parent.cmdline()
    assert servers(layout.root) == []


def test_a_server_that_ends_by_itself_is_told_with_its_last_words(
    origin: BackedUp, layout: Layout, door: Path
) -> None:
    assert door.exists()
    with (
        pytest.raises(ScratchError) as caught,
        scratch_server(place_of(origin, layout), {"wal_level": "none of it"}) as server,
    ):
        server.wait_until(lambda: server.ask("SELECT 1"))
    assert 'invalid value for parameter "wal_level"' in caught.value.why
    with scratch_server(place_of(origin, layout), {}) as server:  # and the next one is taken
        server.wait_until(lambda: server.ask("SELECT 1"))


def test_the_container_stops_while_it_turns_to_the_next_request(
    origin: BackedUp, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for moment in range(60):
        door = base / str(moment) / ".recovery"
        door.parent.mkdir()
        monkeypatch.setenv("STOCKOPS_RECOVERY", str(door))
        with recovering(origin, door):
            beside.await_container()  # and is gone without a request
            time.sleep(moment % 20 * 0.0005)


def test_a_target_that_the_log_does_not_reach_is_told_as_without_it(
    origin: BackedUp, layout: Layout, door: Path
) -> None:
    assert door.exists()
    with pytest.raises(OutOfReachError):
        origin.restore(layout, Request(mark="never-made"))


def test_the_server_ends_with_a_client_that_is_killed_and_the_next_one_is_taken(
    origin: BackedUp, layout: Layout, door: Path
) -> None:
    log = layout.postgresql / "client.log"
    log.touch()
    os.chown(log, layout.postgresql.stat().st_uid, layout.postgresql.stat().st_gid)
    command: list[str | Path] = [sys.executable, "-c", CLIENT, door, layout.postgresql, log]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
        assert client.stdout
        assert client.stdout.readline() == b"taken\n"
        wait_until(lambda: servers(layout.root))
        client.send_signal(signal.SIGKILL)
    with scratch_server(place_of(origin, layout), {}) as server:
        server.wait_until(lambda: server.ask("SELECT 1"))
    wait_until(lambda: not servers(layout.root))


def test_extensions_are_those_of_the_server_there(layout: Layout, door: Path, tmp_path: Path) -> None:
    assert door.exists()
    beside.await_container()
    assert "hstore" in observe_here(layout, tmp_path / "no package", 1).extensions


def test_a_container_that_is_not_there_is_told(
    origin: BackedUp, layout: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    door = layout.root / ".recovery"
    monkeypatch.setenv("STOCKOPS_RECOVERY", str(door))
    monkeypatch.setattr(beside, "_START_S", 0.2)
    with pytest.raises(NobodyRecoversError):
        observe_here(layout, tmp_path, 1)
    door.mkdir()
    for name in ("request", "answer"):  # of one that was killed
        os.mkfifo(door / name)
    with pytest.raises(NobodyRecoversError):
        beside.await_container()
    with pytest.raises(NobodyRecoversError), scratch_server(place_of(origin, layout), {}):
        pass


def test_a_cluster_that_the_other_container_does_not_see_is_refused(
    origin: BackedUp, layout: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STOCKOPS_RECOVERY", str(tmp_path / "shared" / ".recovery"))
    with pytest.raises(FolderError) as caught, scratch_server(place_of(origin, layout), {}):
        pass
    assert "lies outside of" in caught.value.why


def wait_until(true: Callable[[], object], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
