import json
import os
import subprocess
from pathlib import Path

import pytest

from stock_ops.kit.errors import BusyError
from stock_ops.kit.files import exclusive
from stock_ops.kit.layout import LONGEST_SOCKET_PATH, Layout, data_folder
from stock_ops.kit.words import last_words
from stock_ops.local.facts.folder import observe_folder
from stock_ops.local.facts.health import explain
from stock_ops.local.facts.instance import (
    Memory,
    Unreadable,
    read_cluster,
    read_memory,
    read_overrides,
    read_secrets,
)
from stock_ops.local.facts.journal import parse_crashes
from stock_ops.local.facts.programs import observe_programs
from stock_ops.local.runners.follow import Follower

STARTED = "2026-11-23 01:00:00,100 INFO supervisord started with pid 10"


def line(text: str, at: str = "01:00:05") -> str:
    return f"2026-11-23 {at},123 INFO {text}"


def test_crashes_are_counted_since_the_supervisor_started() -> None:
    found = parse_crashes(
        [
            STARTED,
            line("spawned: 'valkey' with pid 11"),
            line("exited: valkey (terminated by SIGKILL; not expected)"),
            line("spawned: 'valkey' with pid 12"),
            line("exited: valkey (exit status 1; not expected)", "02:00:00"),
            line("spawned: 'valkey' with pid 13"),
            line("spawned: 'platform' with pid 14"),
        ]
    )
    assert found["valkey"].restarts == 2
    assert found["valkey"].reason == "exit status 1"
    assert found["valkey"].last
    assert found["platform"].restarts == 0


def test_an_earlier_life_of_the_supervisor_is_forgotten() -> None:
    lines = [
        line("exited: valkey (exit status 1; not expected)"),
        line("spawned: 'valkey' with pid 2"),
        STARTED,
    ]
    assert parse_crashes(lines) == {}


def test_a_stop_on_purpose_is_no_crash() -> None:
    lines = [
        STARTED,
        line("spawned: 'platform' with pid 1"),
        line("stopped: platform (exit status 0)"),
        line("spawned: 'platform' with pid 2"),
    ]
    assert parse_crashes(lines)["platform"].restarts == 0


def test_a_part_that_ended_and_waits_has_not_been_restarted() -> None:
    lines = [
        STARTED,
        line("spawned: 'valkey' with pid 1"),
        line("exited: valkey (exit status 1; not expected)"),
    ]
    assert parse_crashes(lines)["valkey"].ends == 1
    assert parse_crashes(lines)["valkey"].restarts == 0


def test_lines_that_are_no_log_lines_are_skipped() -> None:
    assert parse_crashes(["", "Traceback (most recent call last):", "exited: valkey (x)"]) == {}


def test_the_data_folder_is_named_or_from_the_environment_or_the_users(tmp_path: Path) -> None:
    named = tmp_path / "named"
    assert data_folder(named, {"STOCKOPS_DATA": "/elsewhere"}, 1000) == named.resolve()
    assert data_folder(None, {"STOCKOPS_DATA": "/elsewhere"}, 1000) == Path("/elsewhere")
    assert data_folder(None, {"XDG_DATA_HOME": "/xdg"}, 0) == Path("/xdg/stock-analysis")
    assert data_folder(None, {}, 0) == Path("/var/lib/stock-analysis")
    assert data_folder(None, {}, 1000) == Path.home() / ".local/share/stock-analysis"


@pytest.mark.parametrize("length", [10, 60, 75, 90, 150])
def test_the_control_socket_always_fits_its_limit(length: int) -> None:
    path = Layout(Path("/") / ("d" * length)).socket
    assert len(os.fsencode(path)) + len(".4194304") <= LONGEST_SOCKET_PATH


def test_long_data_folders_have_different_sockets() -> None:
    one, two = (Layout(Path("/") / ("d" * 120) / name).socket for name in "ab")
    assert one != two


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Expecting value"),
        ("{", "Expecting"),
        ("{}", "'ports' is missing"),
        ('{"format": 1, "ports": {"platform": "8080"}}', "is not a port"),
        ('{"format": 1, "ports": {"platform": 99999}}', "is not a port"),
        ('{"format": 1, "ports": []}', "a table was expected"),
        ("[]", "a table was expected"),
    ],
)
def test_a_corrupt_memory_says_why(tmp_path: Path, text: str, reason: str) -> None:
    layout = Layout(tmp_path)
    layout.memory.write_text(text)
    found = read_memory(layout)
    assert isinstance(found, Unreadable)
    assert reason in found.reason
    assert "\n" not in found.reason


def test_a_memory_is_read_as_it_was_written(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert read_memory(layout) is None
    layout.memory.write_text(json.dumps({"format": 1, "ports": {"platform": 1}, "sample": "a", "code": None}))
    assert read_memory(layout) == Memory(1, {"platform": 1}, "a", None)


def test_a_password_that_could_break_a_command_is_refused(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.config.mkdir()
    layout.secrets.write_text(json.dumps({"superuser": "a", "database": "b'; DROP", "valkey": "c"}))
    assert isinstance(read_secrets(layout), Unreadable)


def test_overrides_that_are_no_toml_name_the_line(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.config.mkdir()
    layout.overrides.write_text('log_level = "info"\nhost = 0.0.0.0\n')
    found = read_overrides(layout)
    assert isinstance(found, Unreadable)
    assert "line 2" in found.reason


def test_a_cluster_is_known_by_its_version_file(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    nothing = read_cluster(layout)
    assert not isinstance(nothing, Unreadable)
    assert nothing.major is None
    layout.postgresql.mkdir()
    (layout.postgresql / "something").touch()
    strange = read_cluster(layout)
    assert not isinstance(strange, Unreadable)
    assert strange.strange
    (layout.postgresql / "PG_VERSION").write_text("17\n")
    (layout.postgresql / "postmaster.pid").write_text(f"{os.getpid()}\n/data\n")
    found = read_cluster(layout)
    assert not isinstance(found, Unreadable)
    assert (found.major, found.postmaster_pid) == (17, os.getpid())
    assert found.postmaster_name not in (None, "postgres")


def test_a_postmaster_that_is_gone_is_nobody(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.postgresql.mkdir()
    (layout.postgresql / "PG_VERSION").write_text("18\n")
    (layout.postgresql / "postmaster.pid").write_text("4194303\n")
    found = read_cluster(layout)
    assert not isinstance(found, Unreadable)
    assert found.postmaster_pid is None


def test_a_folder_that_is_not_there_is_judged_by_the_one_above(tmp_path: Path) -> None:
    found = observe_folder(tmp_path / "a" / "b", None)
    assert (found.exists, found.usable, found.nearest) == (False, True, tmp_path)


def test_a_file_on_the_way_makes_the_folder_unusable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not observe_folder(tmp_path / "file" / "data", None).usable


def test_readyz_is_explained_by_its_broken_parts() -> None:
    parts = [
        {"name": "postgresql", "healthy": False, "reason": "connection refused"},
        {"name": "valkey", "healthy": True, "reason": None},
    ]
    assert (
        explain(503, json.dumps({"ready": False, "parts": parts}).encode())
        == "postgresql: connection refused"
    )
    assert explain(503, json.dumps({"stopping": True, "parts": []}).encode()) == "it is stopping"
    assert explain(500, b"<html>") == "/readyz answers 500"
    assert explain(503, b"[]") == "/readyz answers 503"


def test_the_last_words_are_the_line_that_says_why() -> None:
    output = "Traceback (most recent call last):\n  File x\nValueError: no such thing\n  at exit\n"
    assert last_words(output) == "ValueError: no such thing"
    assert last_words("") == "it said nothing"
    assert last_words("one\ntwo\n\n") == "two"


def test_the_last_words_of_a_json_log_are_its_message() -> None:
    lines = [
        {"log.level": "error", "message": "no database", "error.message": "refused"},
        {"log.level": "info", "message": "stopped"},
    ]
    assert last_words("\n".join(map(json.dumps, lines))) == "error: no database: refused"


def test_a_follower_shows_the_end_of_the_log_and_what_comes_after(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(10_000)) + "half")
    follower = Follower(log)
    assert follower.last(2) == ["line 9998", "line 9999"]
    assert follower.read() == []
    with log.open("a") as out:
        out.write(" a line\nnext\n")
    assert follower.read() == ["half a line", "next"]
    assert Follower(log).last(0) == []
    log.write_text(("x" * 50_000 + "\n") * 5)
    assert [len(line) for line in Follower(log).last(4)] == [50_000] * 4
    assert len(Follower(log).last(9)) == 5
    assert Follower(tmp_path / "none").last(5) == []


def test_a_follower_goes_on_after_rotation_and_truncation(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("old\n")
    follower = Follower(log)
    follower.last(1)
    log.rename(tmp_path / "log.1")
    log.write_text("rotated\n")
    assert follower.read() == ["rotated"]
    log.write_text("cut\n")
    assert follower.read() == ["cut"]


def test_a_lock_file_that_was_left_over_locks_nothing(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.lock.write_text("stockops up, pid 1, since 00:00:00")
    with exclusive(layout, "up"):
        pass


def test_a_held_lock_names_its_holder(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with exclusive(layout, "up"), pytest.raises(BusyError) as caught, exclusive(layout, "down"):
        pass
    assert f"stockops up, pid {os.getpid()}" in caught.value.why


def test_the_servers_are_found_without_importing_them() -> None:
    programs = observe_programs()
    assert programs.postgresql
    assert programs.valkey
    assert programs.leash.is_file()


def test_a_postmaster_that_was_killed_and_not_yet_buried_is_nobody(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.postgresql.mkdir()
    (layout.postgresql / "PG_VERSION").write_text("18\n")
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        (layout.postgresql / "postmaster.pid").write_text(f"{process.pid}\n")
        found = read_cluster(layout)
    assert not isinstance(found, Unreadable)
    assert found.postmaster_pid is None


def test_a_folder_of_a_later_release_is_known_as_such_whatever_else_its_file_holds(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.memory.write_text('{"format": 2, "places": ["no ports any more"]}')
    memory = read_memory(layout)
    assert isinstance(memory, Memory)
    assert (memory.format, memory.ports) == (2, {})
