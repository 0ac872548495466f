"""The tests in parallel: which worker gets which, and that none is lost on the way."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stock_analysis.testing import processes

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).parents[2] / "conftest.py"
TEN_TESTS = """
import os, pathlib, time, pytest

@pytest.mark.parametrize("number", range(10))
def test_it(number):
    time.sleep(0.05)
    pathlib.Path(f"{__name__}-{number}").write_text(os.environ.get("PYTEST_XDIST_WORKER", "none"))
"""
DRAW_TEN = """
import json
from stock_analysis.testing import processes
processes._PORTS = range(19_000, 19_025)
print(json.dumps([processes.free_port() for _ in range(10)]))
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """Three files of ten tests, with the project's own rules."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makeconftest(CONFTEST.read_text())
    pytester.makepyfile(test_one=TEN_TESTS, test_two=TEN_TESTS)
    pytester.mkpydir("ops")
    (pytester.path / "ops" / "test_ops_three.py").write_text(TEN_TESTS)
    return pytester


def workers(suite: pytest.Pytester, name: str) -> set[str]:
    return {path.read_text() for path in suite.path.glob(f"{name}-*")}


def test_a_file_stays_whole_and_tests_that_share_nothing_are_spread(suite: pytest.Pytester) -> None:
    suite.runpytest_subprocess("-n", "2").assert_outcomes(passed=30)
    assert len(workers(suite, "test_one")) == 1
    assert len(workers(suite, "test_two")) == 1
    assert len(workers(suite, "ops.test_ops_three")) == 2


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
    pytester: pytest.Pytester, content: str, outcome: dict[str, int]
) -> None:
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makeconftest(CONFTEST.read_text())
    pytester.makepyfile(content)
    result = pytester.runpytest_subprocess("--no-skips", "-n", "2")
    assert result.ret != 0
    result.assert_outcomes(**outcome)


def test_two_processes_never_draw_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_PORTS", range(19_000, 19_025))
    mine = {processes.free_port() for _ in range(10)}
    done = subprocess.run([sys.executable, "-c", DRAW_TEN], capture_output=True, text=True, check=True)
    others = set(json.loads(done.stdout))
    assert len(mine) == len(others) == 10
    assert not mine & others
