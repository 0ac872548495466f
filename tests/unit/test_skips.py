import os
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

TESTS = """
import pytest

@pytest.mark.root
def test_root():
    pass

def test_needs_a_server():
    pytest.skip("no server")
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Two tests with the project's own rules for skips, and no plugin."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]\nmarkers = root: needs root\n")
    pytester.makeconftest((Path(__file__).parents[1] / "rules.py").read_text())
    pytester.makepyfile(TESTS)
    return pytester


@pytest.mark.parametrize(("uid", "counts"), [(0, {"passed": 1}), (1000, {"skipped": 1})])
def test_only_a_test_that_needs_root_may_be_skipped(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, uid: int, counts: dict[str, int]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    result = suite.runpytest_inprocess("--no-skips", "-p", "no:cacheprovider")
    result.assert_outcomes(**counts, failed=1)


def test_a_module_that_is_skipped_as_a_whole_fails_too(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_all="import pytest\npytest.importorskip('no_such_module')")
    result = suite.runpytest_inprocess("--no-skips", "-p", "no:cacheprovider")
    result.assert_outcomes(errors=1)
