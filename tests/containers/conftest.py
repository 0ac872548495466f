"""Images and the compose stack, built and run here by podman, for `make test-containers` alone."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.containers import leftovers
from tests.containers.bases import StandIns, make_standins
from tests.containers.images import NAMES, Image, build
from tests.containers.instance import Instance
from tests.containers.stack import Stack
from tests.room import shared
from tools.container_parts import HOME

HERE = Path(__file__).parent
MEASURED = "measured"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Left out unless they are named: they need root, packages of Debian, and minutes."""
    if collection_path == HERE or HERE in collection_path.parents:
        named = any("tests/containers" in argument for argument in config.args)
        return None if named else True
    return None


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Says a measurement at the end of the run, also when its test passes."""
    properties = request.node.user_properties
    return lambda title, text: properties.append((MEASURED, f"{title}: {text}"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was measured."""
    reports = (one for outcome in ("passed", "failed") for one in terminalreporter.getreports(outcome))
    for one in reports:
        for name, line in one.user_properties if one.when == "call" else ():
            if name == MEASURED:
                terminalreporter.write_line(line)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Workers build the same images: who comes later finds the layers of the first."""
    with (HOME / "building").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def standins() -> StandIns:
    """Images in place of those that would be pulled."""
    leftovers.remove_those_of_killed_runs()
    with one_at_a_time():
        return make_standins()


@pytest.fixture(scope="session")
def platform(standins: StandIns) -> Image:
    """The platform's image, built as everyone builds it, once in a run and from nothing."""

    def make(_: Path) -> None:
        with one_at_a_time():
            build("platform", standins, options=("--no-cache",))

    shared("platform-image", make)
    return Image(f"{NAMES['platform']}:test")


@pytest.fixture(scope="session")
def stock_ops(standins: StandIns) -> Image:
    """The image of the operations."""
    with one_at_a_time():
        return build("stock-ops", standins)


@pytest.fixture(scope="session")
def instance(
    standins: StandIns, platform: Image, stock_ops: Image, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Instance]:
    """The same, started by `stockops --target compose up`."""
    instance = Instance(standins, platform, stock_ops, tmp_path_factory.mktemp("instance") / "data")
    try:
        instance.start()
        yield instance
    finally:
        instance.remove()


@pytest.fixture(scope="session")
def stack(standins: StandIns, platform: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole compose stack with prices in it; gone after the run, with its volumes."""
    stack = Stack(standins, platform, tmp_path_factory.mktemp("stack"))
    try:
        stack.start()
        yield stack
    finally:
        stack.remove()
