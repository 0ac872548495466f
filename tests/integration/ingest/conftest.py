"""The importer as a real process."""

from collections.abc import Iterator

import pytest

from tests.integration.ingest.importer import importers
from tests.zygote import Zygote


@pytest.fixture(scope="package")
def zygote() -> Iterator[Zygote]:
    """What forks importers; one for all tests, because loading takes seconds."""
    zygote = importers()
    yield zygote
    zygote.end()
