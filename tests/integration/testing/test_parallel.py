"""The tests in parallel: which worker gets which, and that none is lost on the way."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stock_analysis.testing import processes

pytest_plugins = ["pytester"]

RULES = Path(__file__).parents[2] / "rules.py"
TEN_TESTS = """
import os, pathlib, time, pytest

@pytest.mark.parametrize("number", range(10))
def test_it(number):
    time.sleep(0.05)
    pathlib.Path(f"{__name__}-{number}").write_text(os.environ.get("PYTEST_XDIST_WORKER", "none"))
"""
CRASHES = """
import os, pytest

@pytest.mark.parametrize("number", range(5))
def test_it(number):
    if number == 2:
        os._exit(0)
"""
HANGS_AND_HEARS_NO_SIGNAL = """
import ctypes

def test_it():
    ctypes.PyDLL(None).sleep(1000)
"""
CRASHES_AT_THE_END = """
import os

def pytest_sessionfinish(session):
    if os.environ.get("PYTEST_XDIST_WORKER") == "gw0":
        os._exit(0)
"""
STARTS_SERVERS = """
import pathlib, pytest
from stock_analysis.testing.processes import Server

def test_without_a_mark():
    Server(["true"], pathlib.Path("log").resolve()).stop()

@pytest.mark.server
def test_with_a_mark():
    Server(["true"], pathlib.Path("log").resolve()).stop()
"""
FAILS_AT_LENGTH = """
def test_it():
    assert set(range(5000)) <= set()
"""
MEASURES_TIME = """
import pathlib, time, pytest

@pytest.mark.alone
def test_it():
    done = set(pathlib.Path().glob("*-*"))
    time.sleep(2)
    assert done == set(pathlib.Path().glob("*-*"))
"""
DRAW_TEN = """
import json
from stock_analysis.testing import processes
processes._PORTS = range(19_000, 19_025)
print(json.dumps([processes.free_port() for _ in range(10)]))
"""


@pytest.fixture
def empty(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """No tests, with the project's own rules, in a room of their own, and with no plugin slow to load."""
    monkeypatch.setenv("TMPDIR", f"{pytester.path}")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.setenv("PYTHONPATH", f"{RULES.parents[1]}")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p xdist -p pytest_timeout")
    pytester.makeconftest(RULES.read_text())
    return pytester


@pytest.fixture
def suite(empty: pytest.Pytester) -> pytest.Pytester:
    """Three files of ten tests."""
    empty.makepyfile(test_one=TEN_TESTS, test_two=TEN_TESTS)
    empty.mkpydir("ops")
    (empty.path / "ops" / "test_ops_three.py").write_text(TEN_TESTS)
    return empty


def workers(suite: pytest.Pytester, name: str) -> set[str]:
    return {path.read_text() for path in suite.path.glob(f"{name}-*")}


def test_a_file_stays_whole_and_tests_that_share_nothing_are_spread(suite: pytest.Pytester) -> None:
    suite.runpytest_subprocess("-n", "2").assert_outcomes(passed=30)
    assert len(workers(suite, "test_one")) == 1
    assert len(workers(suite, "test_two")) == 1
    assert len(workers(suite, "ops.test_ops_three")) == 2


def test_nothing_runs_beside_a_test_that_measures_time(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_times=MEASURES_TIME)
    suite.runpytest_subprocess("-n", "3").assert_outcomes(passed=31)


def test_a_single_file_needs_no_workers(suite: pytest.Pytester) -> None:
    suite.runpytest_subprocess("-n", "auto", "test_one.py").assert_outcomes(passed=10)
    assert workers(suite, "test_one") == {"none"}


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        ("import pytest\ndef test(): pytest.skip('no server')", {"failed": 1}),
        ("import pytest\npytest.importorskip('no_such_module')", {"errors": 1}),
    ],
)
def test_a_skipped_test_fails_in_a_worker_too(
    empty: pytest.Pytester, content: str, outcome: dict[str, int]
) -> None:
    empty.makepyfile(content)
    result = empty.runpytest_subprocess("--no-skips", "-n", "2")
    assert result.ret != 0
    result.assert_outcomes(**outcome)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_crashed_worker_fails_its_test_and_the_others_go_on(suite: pytest.Pytester, workers: int) -> None:
    suite.makepyfile(test_crash=CRASHES)
    result = suite.runpytest_subprocess("-n", f"{workers}")
    result.assert_outcomes(passed=34, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_worker_that_crashes_after_its_last_test_fails_the_run(suite: pytest.Pytester) -> None:
    (suite.path / "ops" / "conftest.py").write_text(CRASHES_AT_THE_END)
    result = suite.runpytest_subprocess("-n", "2")
    result.assert_outcomes(passed=30)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_test_that_hangs_in_foreign_code_ends(suite: pytest.Pytester, pytestconfig: pytest.Config) -> None:
    """pytest-timeout sends a signal, which Python hears between two of its own steps only."""
    assert pytestconfig.getini("faulthandler_exit_on_timeout")
    assert float(pytestconfig.getini("timeout")) < float(pytestconfig.getini("faulthandler_timeout"))
    suite.makepyfile(test_hang=HANGS_AND_HEARS_NO_SIGNAL)
    patience = ("-o", "faulthandler_timeout=3", "-o", "faulthandler_exit_on_timeout=true")
    result = suite.runpytest_subprocess("-n", "2", *patience, "--timeout=1")
    result.assert_outcomes(passed=30, failed=1)


@pytest.mark.parametrize(
    ("arguments", "outcome"), [((), {"passed": 2}), (("-m", "not server"), {"failed": 1, "deselected": 1})]
)
def test_where_servers_are_left_out_none_is_started(
    empty: pytest.Pytester, arguments: tuple[str, ...], outcome: dict[str, int]
) -> None:
    empty.makepyfile(STARTS_SERVERS)
    empty.runpytest_subprocess(*arguments).assert_outcomes(**outcome)


def test_two_processes_never_draw_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_PORTS", range(19_000, 19_025))
    mine = {processes.free_port() for _ in range(10)}
    done = subprocess.run([sys.executable, "-c", DRAW_TEN], capture_output=True, text=True, check=True)
    others = set(json.loads(done.stdout))
    assert len(mine) == len(others) == 10
    assert not mine & others


def test_which_test_failed_is_told_in_a_line_at_the_end(
    empty: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")  # pytest would print the whole comparison there
    empty.makepyfile(test_long=FAILS_AT_LENGTH)
    lines = empty.runpytest_subprocess("-rsxX").outlines
    told = next(
        number for number, line in enumerate(lines) if line.startswith("FAILED test_long.py::test_it")
    )
    assert len(lines) - told < 5
    assert len(lines[told]) <= 240
