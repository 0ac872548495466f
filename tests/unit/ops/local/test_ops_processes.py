import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stock_ops.kit.layout import Layout
from stock_ops.kit.leashing import leashed
from stock_ops.local.facts.processes import Leftover, Supervisor, observe_leftovers, part_of
from stock_ops.local.facts.programs import observe_programs

LAYOUT = Layout(Path("/da ta/stocks"))
CONF = str(LAYOUT.valkey_config)
PYTHON = "/venv/bin/python3.11"
LEASH = [PYTHON, "-I", "-S", "/venv/runners/leash.py"]
POSTGRES = ["/da ta/stocks/programs/bin/postgres", "-D", str(LAYOUT.postgresql)]
SERVE = ["serve", "--target", "all", "--config", str(LAYOUT.platform_config)]
NOBODY = Supervisor(None, answers=False, parts=())
RUN = ["backup", "run", "--data", str(LAYOUT.root)]
SUPERVISOR = ["-c", str(LAYOUT.supervisor_config)]


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("supervisor", [PYTHON, "-m", "supervisor.supervisord", *SUPERVISOR]),
        ("supervisor", [PYTHON, "/venv/bin/supervisord", *SUPERVISOR]),
        ("postgresql", POSTGRES),
        ("postgresql", [*LEASH, "INT", "postgres:101:104", "-", *POSTGRES]),
        ("valkey", ["/venv/valkey-server", CONF]),
        ("valkey", [f"/da ta/valkey-server 127.0.0.1:20001 {CONF}"]),
        ("valkey", [*f"/da ta/valkey-server 127.0.0.1:20001 {CONF}".split(" "), ""]),
        ("platform", ["/venv/bin/stock-analysis", *SERVE]),
        ("platform", [PYTHON, "/venv/bin/stock-analysis", *SERVE]),
        ("platform", [*LEASH, "KILL", "-", "-", "/venv/bin/stock-analysis", *SERVE]),
        ("backup", [PYTHON, "-m", "stock_ops", *RUN]),
        ("backup", [*LEASH, "TERM", "-", "-", PYTHON, "-m", "stock_ops", *RUN]),
    ],
)
def test_a_part_is_known_by_its_program_and_whole_command_line(part: str, line: list[str]) -> None:
    assert part_of(name_of(line), line, LAYOUT) == part


@pytest.mark.parametrize(
    "line",
    [
        ["vi", str(LAYOUT.platform_config)],
        ["/usr/bin/vi", "/venv/valkey-server", CONF],
        ["rsync", "-a", str(LAYOUT.postgresql), "backup:/"],
        ["tail", "-f", str(LAYOUT.supervisor_config)],
        [PYTHON, "/home/ann/report.py", str(LAYOUT.platform_config)],
        [PYTHON, "/venv/bin/stock-analysis", "import", "a.csv", "--config", str(LAYOUT.platform_config)],
        [PYTHON, "/venv/bin/stock-analysis", *SERVE[:-1], "/elsewhere/platform.toml"],
        [PYTHON, "/venv/bin/supervisorctl", *SUPERVISOR],
        [PYTHON, "-m", "stock_ops", "backup", "create", "--data", str(LAYOUT.root)],
        [PYTHON, "-m", "stock_ops", *RUN[:-1], "/elsewhere"],
        [*POSTGRES, "-c", "port=1"],
        ["/bin/pg_ctl", "-D", str(LAYOUT.postgresql), "status"],
        ["/bin/pg_resetwal", "-D", str(LAYOUT.postgresql)],
        ["postgres: checkpointer "],
        ["/venv/valkey-server", f"{CONF}.old"],
        ["/venv/valkey-cli", CONF],
        [],
        [PYTHON],
    ],
)
def test_a_program_that_mentions_a_file_of_ours_is_no_part(line: list[str]) -> None:
    assert part_of(name_of(line), line, LAYOUT) is None


def test_a_process_that_reads_our_files_is_no_leftover(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.config.mkdir()
    ours = (layout.platform_config, layout.supervisor_config)
    for path in ours:
        path.touch()
    with started("tail", "-f", *map(str, ours)):
        assert observe_leftovers(layout, NOBODY) == ()


def test_a_child_that_has_not_become_its_program_yet_ends_with_its_parent(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    program = tmp_path / "stock-analysis"
    program.write_text("(echo forked; read -r line)\nexit\n")
    command = ["python-of-a-test", str(program), *SERVE[:-1], str(layout.platform_config)]
    with started(*command, executable="/bin/sh") as process:
        assert process.stdout
        assert process.stdout.readline() == b"forked\n"
        found = observe_leftovers(layout, NOBODY)
    assert found == (Leftover("platform", process.pid),)


def leashed_echo(parent: int | None) -> str:
    programs = observe_programs()
    line = leashed(programs.python, programs.leash, "KILL", None, ["/bin/echo", "ran"], parent)
    return subprocess.run(line, capture_output=True, text=True, check=False).stdout


def test_a_program_whose_starter_died_before_it_began_does_not_run() -> None:
    assert leashed_echo(None) == leashed_echo(os.getpid()) == "ran\n"
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    assert leashed_echo(gone.pid) == ""


def name_of(line: list[str]) -> str:
    """What the system calls the process: its program, whatever it wrote over its command line."""
    return Path(" ".join(line[:2]).split(" 127.")[0] if "127." in str(line) else "".join(line[:1])).name


@contextmanager
def started(*command: str, executable: str | None = None) -> Iterator["subprocess.Popen[bytes]"]:
    pipe = subprocess.PIPE
    with subprocess.Popen(command, executable=executable, stdin=pipe, stdout=pipe) as process:
        try:
            yield process
        finally:
            process.kill()
