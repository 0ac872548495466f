"""The rules of a test run: which worker runs what, that nothing is left out unnoticed, what is told last."""

import fcntl
import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

from stock_analysis.testing.processes import Server
from tests.room import clear_room, make_room


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """One room for this process and its workers."""
    config.stash[_HAS_MADE_ROOM] = make_room()


def pytest_unconfigure(config: pytest.Config) -> None:
    if config.stash[_HAS_MADE_ROOM]:
        clear_room()


_HAS_MADE_ROOM = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a skipped test fails, unless it needs root")


# --- in parallel ----------------------------------------------------------------------------------


_LONGEST_FIRST = ("tests/integration/ops/", "tests/e2e/", "tests/integration/", "tests/contract/", "tests/")


_KAFKA = "/test_kafka_"
_SHARING = {
    "tests/containers/test_instance_": ("backups", "moves", "verbs"),
    "tests/containers/test_": ("live_path", "monitoring_overlay", "rotation", "stack", "stack_leaks"),
    "tests/cluster/test_": (
        *("install", "deploy", "rollout", "rotation_of_secrets"),
        *("autoscaling", "nodes", "lost_node"),  # last: they wait until no other release is on the cluster
    ),
}
"""Files that share an instance, a stack, or a release on a cluster; those of a cluster run in this order."""
_OF_CLUSTER = "tests/cluster/"


class Scheduler(LoadFileScheduling):  # type: ignore[misc]  # it has no types
    """A file goes to one worker as a whole, because its tests share servers.

    Those of test_ops_*.py share none and take much of the time of all: each goes where there is room. All
    test_kafka_*.py share one Kafka, the dearest of servers, and so do the files of _SHARING.
    """

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # the order is that of pytest_collection_modifyitems

    def _split_scope(self, nodeid: str) -> str:
        if _KAFKA in nodeid:
            return _KAFKA
        if shared := _sharing_of(nodeid):
            return shared
        return nodeid if _is_spread(nodeid) else str(super()._split_scope(nodeid))

    def remove_node(self, node: WorkerController) -> str | None:
        """Give away what a crashed worker has left, without the test that took it down.

        Files that were done are left out: a worker that is given nothing to do never asks for more.
        """
        workload = self.assigned_work[node]
        left = (nodeid for unit in workload.values() for nodeid, done in unit.items() if not done)
        crashed = next(left, None)
        for scope, unit in list(workload.items()):
            unit.pop(crashed or "", None)
            if all(unit.values()):
                del workload[scope]
        super().remove_node(node)
        return crashed


def _sharing_of(nodeid: str) -> str | None:
    """What it is that a file of tests shares with others; the rest of a cluster's share a release, too."""
    for begin, ends in _SHARING.items():
        if nodeid.partition("::")[0] in {f"{begin}{end}.py" for end in ends}:
            return begin
    return _OF_CLUSTER if nodeid.startswith(_OF_CLUSTER) else None


def _is_spread(nodeid: str) -> bool:
    return "/test_ops_" in nodeid


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In workers, what takes longest begins first, so that none of them waits for another at the end."""
    if hasattr(config, "workerinput"):
        items.sort(key=_place_in_queue)


def _place_in_queue(item: pytest.Item) -> tuple[bool, bool, int, bool, int]:
    place = next((n for n, folder in enumerate(_LONGEST_FIRST) if item.nodeid.startswith(folder)), 0)
    return (
        not _is_alone(item),
        _sharing_of(item.nodeid) is None,
        place,
        _is_spread(item.nodeid),
        _place_on_cluster(item.nodeid),
    )


def _place_on_cluster(nodeid: str) -> int:
    names = [f"tests/cluster/test_{name}.py" for name in _SHARING["tests/cluster/test_"]]
    file = nodeid.partition("::")[0]
    return names.index(file) if file in names else 0


def _is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that measures time has the machine for itself, as far as it is ours."""
    with _room(alone=_is_alone(item)) if hasattr(item.config, "workerinput") else nullcontext():
        return (yield)


@contextmanager
def _room(*, alone: bool) -> Iterator[None]:
    """Who wants to be alone waits in the door until all have left, and nobody else comes in."""
    place = Path(tempfile.gettempdir())
    with (
        (place / f"stock-tests-door-{os.geteuid()}").open("w") as door,
        (place / f"stock-tests-room-{os.geteuid()}").open("w") as room,
    ):
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduler:
    return Scheduler(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """No worker for a single file; else two for each processor and one more: a test with servers waits a lot.

    `-n logical` is for those without: one for each processor.
    """
    if config.option.numprocesses == "logical":
        return os.cpu_count() or 1
    files = {argument.partition("::")[0] for argument in config.args}
    alone = len(files) == 1 and Path(*files).is_file()
    return 0 if alone else min(2 * (os.cpu_count() or 1) + 1, _MOST_WORKERS)


_MOST_WORKERS = 8
"""With its servers, a worker needs about a gigabyte."""


_CRASHED = pytest.StashKey[bool]()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController, error: object | None) -> None:
    """Remember a worker that crashed: with no test left, nothing else would tell."""
    node.config.stash[_CRASHED] = node.config.stash.get(_CRASHED, False) or error is not None


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if session.config.stash.get(_CRASHED, False) and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


# --- without servers ------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def no_server_unasked(pytestconfig: pytest.Config) -> Iterator[None]:
    """Where tests that bear the marker `server` are left out, the others do without."""
    with pytest.MonkeyPatch.context() as patch:
        if pytestconfig.option.markexpr == "not server":
            patch.setattr(Server, "__init__", _refuse)
        yield


def _refuse(*_: object, **__: object) -> None:
    pytest.fail("This test starts a server, so it needs the marker `server`.")


# --- what is told last ----------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """A line for each test that failed, whatever it printed: some show only the end of a long run."""
    yield
    stats = terminalreporter.stats
    for report in (*stats.get("error", ()), *stats.get("failed", ())):
        why = getattr(report.longrepr, "reprcrash", None)
        line = f"FAILED {report.nodeid} in {report.when}: {why.message if why else report.longrepr}"
        terminalreporter.write_line(line.partition("\n")[0][:_LINE])


_LINE = 240


# --- skipped tests --------------------------------------------------------------------------------


def pytest_runtest_setup(item: pytest.Item) -> None:
    if _misses_root(item):
        pytest.skip("needs root")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and item.config.getoption("--no-skips") and not _misses_root(item):
        report.outcome = "failed"
        report.longrepr = f"not run: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and collector.config.getoption("--no-skips"):
        report.outcome = "failed"
        report.longrepr = f"not run: {report.longrepr}"
    return report


def _misses_root(item: pytest.Item) -> bool:
    return os.geteuid() != 0 and item.get_closest_marker("root") is not None
