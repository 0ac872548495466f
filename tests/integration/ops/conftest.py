"""Instances of their own, in folders and on ports of their own; nothing of them is left afterwards."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.ops.instance import Instance

Maker = Callable[..., Instance]


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder that the servers' unprivileged user can reach; pytest's own is closed to it."""
    folder = Path(tempfile.mkdtemp(prefix="stockops-test-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def make(base: Path) -> Iterator[Maker]:
    """Makes instances below `base`."""
    made: list[Instance] = []

    def new(name: str = "data", **options: object) -> Instance:
        made.append(Instance(base / name, **options))  # type: ignore[arg-type]
        return made[-1]

    yield new
    for instance in made:
        instance.remove()


@pytest.fixture
def instance(make: Maker) -> Instance:
    """One instance of the real platform."""
    return make()


@pytest.fixture
def stubbed(make: Maker) -> Instance:
    """One instance with real servers and a stub of the platform, for what the platform must not do."""
    return make(stub=True)
