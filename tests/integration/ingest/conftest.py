"""The importer as a real process."""

from collections.abc import Iterator

import pytest

from tests.integration.ingest.importer import Zygote


@pytest.fixture(scope="package")
def zygote() -> Iterator[Zygote]:
    """What forks importers; one for all tests, because loading takes seconds."""
    zygote = Zygote()
    yield zygote
    zygote.end()


@pytest.fixture(scope="package")
def second_zygote() -> Iterator[Zygote]:
    """For tests with two importers at once."""
    zygote = Zygote()
    yield zygote
    zygote.end()
