"""Unit tests take seconds and open no sockets; one that tries fails, even if the code hides the error."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TIMEOUT_S = 60
_FORBIDDEN = {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"}
_FOLDER = Path(__file__).parent


class SocketError(Exception):
    """A unit test opened a socket; tests that need one belong in tests/integration."""


class _Watch:
    """An audit hook, which Python cannot take away again; it looks only while `tries` is a list."""

    tries: list[str] | None = None

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.tries is not None and event in _FORBIDDEN:
            self.tries.append(f"{event}{arguments[1:]}")
            raise SocketError(self.tries[-1])


_watch = _Watch()
sys.addaudithook(_watch)


@pytest.fixture(autouse=True)
def no_sockets() -> Iterator[None]:
    tries = _watch.tries = []
    yield
    _watch.tries = None
    if tries:
        pytest.fail(f"{SocketError.__doc__} {tries}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_FOLDER):
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))
