"""Instances of their own, in folders and on ports of their own; nothing of them is left afterwards."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.ops.instance import Instance, other_user
from tests.integration.ops.template import Template
from tests.room import a_folder

Maker = Callable[..., Instance]


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder that the servers' unprivileged user can reach; pytest's own is closed to it."""
    with a_folder() as folder:
        yield folder


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


@pytest.fixture
def unprivileged(make: Maker, base: Path) -> Instance:
    """An instance of a user without rights: the one who runs the tests, or nobody when that is root."""
    if os.geteuid() != 0:
        return make("own/data", stub=True)
    uid, python = other_user()
    own = base / "own"
    own.mkdir()
    os.chown(own, uid, uid)
    return make("own/data", stub=True, user=uid, python=python, environment={"HOME": str(own)})


@pytest.fixture(scope="session")
def template() -> Template:
    return Template(stub=False)


@pytest.fixture(scope="session")
def stub_template() -> Template:
    return Template(stub=True)


@pytest.fixture
def used(instance: Instance, template: Template) -> Instance:
    """One that ran before and was stopped, with the sample data."""
    template.give(instance)
    return instance


@pytest.fixture
def used_stub(stubbed: Instance, stub_template: Template) -> Instance:
    """One that ran before and was stopped, with a stub of the platform."""
    stub_template.give(stubbed)
    return stubbed
