"""The door of a server: who comes while others are served, while there is no room, and while it closes."""

import asyncio
import contextlib
import resource
import socket
import sys
from collections.abc import Iterator

import pytest
import uvloop

from stock_analysis.kit.door import Door, keep_newcomers_out

SO_LOCK_FILTER = 44
IS_LINUX = sys.platform == "linux"


def gets_in(listener: socket.socket) -> bool:
    with socket.socket() as client:
        client.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            client.connect(listener.getsockname())
            return True
    return False


def test_who_has_begun_is_still_taken_and_nobody_else_gets_in() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        before = socket.create_connection(listener.getsockname())
        keep_newcomers_out(listener)
        assert gets_in(listener) is not IS_LINUX
        with before, listener.accept()[0] as taken:
            before.sendall(b"asked")
            assert taken.recv(5) == b"asked"


def test_where_the_kernel_refuses_the_door_stays_as_it_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if IS_LINUX:
            listener.setsockopt(socket.SOL_SOCKET, SO_LOCK_FILTER, 1)
        keep_newcomers_out(listener)
        assert gets_in(listener)


class Taken(asyncio.Protocol):
    """Counts whom it was given to."""

    def __init__(self, seen: list[asyncio.BaseTransport]) -> None:
        self._seen = seen

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._seen.append(transport)


@contextlib.contextmanager
def newcomers(listener: socket.socket, count: int) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(socket.create_connection(listener.getsockname()))
        yield


def test_all_who_wait_are_taken_in_within_a_few_turns_of_a_busy_loop() -> None:
    async def turns_until_all_are_in(listener: socket.socket) -> int:
        seen: list[asyncio.BaseTransport] = []
        door = Door(listener, lambda: Taken(seen))
        turns = 0
        while len(seen) < 100:
            turns += 1
            await asyncio.sleep(0)
        door.close()
        for one in seen:
            one.close()
        return turns

    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener, newcomers(listener, 100):
        assert uvloop.run(turns_until_all_are_in(listener)) < 20


def test_a_process_without_room_for_files_takes_people_in_again_once_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stock_analysis.kit.door._PAUSE_S", 0.1)

    async def open_with_room_later(listener: socket.socket) -> int:
        seen: list[asyncio.BaseTransport] = []
        soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        door = Door(listener, lambda: Taken(seen))
        resource.setrlimit(resource.RLIMIT_NOFILE, (listener.fileno(), most))
        try:
            await asyncio.sleep(0.5)
            assert not seen
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))
        async with asyncio.timeout(10):
            while len(seen) < 10:  # noqa: ASYNC110 - the door tells nobody
                await asyncio.sleep(0.05)
        door.close()
        for one in seen:
            one.close()
        return len(seen)

    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener, newcomers(listener, 10):
        assert uvloop.run(open_with_room_later(listener)) == 10
