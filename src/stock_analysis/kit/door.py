"""The door of a server: takes in everybody who waits, and closes so that nobody is turned away half-way."""

import asyncio
import contextlib
import ctypes
import errno
import socket
import struct
import sys
from collections.abc import Callable, Iterator

import structlog

log = structlog.get_logger(__name__)

BACKLOG = 2048
_AT_ONCE = 256
"""Connections taken in before those that are open get their turn."""

_PAUSE_S = 1.0
_FULL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Door:
    """Accepts connections of a listening socket and gives each a protocol, as an asyncio.Server does.

    libuv, and so a server of uvloop, takes in one connection in each turn of its loop. While some hundred
    others are served in each turn, a newcomer would wait for many seconds.
    """

    def __init__(self, listener: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
        self._listener = listener
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._entering: set[asyncio.Task[object]] = set()
        self._pause: asyncio.TimerHandle | None = None
        listener.setblocking(False)
        self._open()

    async def empty(self) -> None:
        """Close it for newcomers, and take in those who wait already."""
        keep_newcomers_out(self._listener)
        self.close()
        for one in self._waiting(BACKLOG):
            self._enter(one)
        await self.wait_closed()

    def close(self) -> None:
        """Take in nobody any more."""
        if self._pause:
            self._pause.cancel()
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener)

    async def wait_closed(self) -> None:
        """Return when everybody who was taken in has a protocol."""
        if self._entering:
            await asyncio.wait(self._entering)

    def _open(self) -> None:
        self._loop.add_reader(self._listener, self._take_in)

    def _take_in(self) -> None:
        try:
            for one in self._waiting(_AT_ONCE):
                self._enter(one)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            log.warning("no more connections can be taken in", reason=error.strerror, again_in_s=_PAUSE_S)
            self._loop.remove_reader(self._listener)
            self._pause = self._loop.call_later(_PAUSE_S, self._open)

    def _waiting(self, most: int) -> Iterator[socket.socket]:
        with contextlib.suppress(BlockingIOError):
            for _ in range(most):
                with contextlib.suppress(ConnectionAbortedError):
                    yield self._listener.accept()[0]

    def _enter(self, one: socket.socket) -> None:
        task = self._loop.create_task(self._loop.connect_accepted_socket(self._protocol, one))
        self._entering.add(task)
        task.add_done_callback(self._entered)

    def _entered(self, task: asyncio.Task[object]) -> None:
        self._entering.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.warning("a connection was lost before it began", reason=f"{error}")


def keep_newcomers_out(listener: socket.socket) -> None:
    """Let no further connection begin, while those that have begun still become whole.

    The kernel drops their first packet (SYN), which the client sends again a second later, to a closed port
    or to the next process. Elsewhere than on Linux, and where a container may not do that, nothing is done,
    and a connection that begins in this moment may be reset.
    """
    if sys.platform != "linux":
        return
    program = struct.pack("=" + "HBBI" * len(_DROP_SYN), *(part for step in _DROP_SYN for part in step))
    steps = ctypes.create_string_buffer(program)
    packed = struct.pack("HP", len(_DROP_SYN), ctypes.addressof(steps))
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, packed)
    except OSError as error:  # no rights, no room for a program, no such option: all the same here
        log.info("newcomers are not kept out of the closing door", reason=error.strerror)


_SO_ATTACH_FILTER = 26
_DROP_SYN = (
    (0x30, 0, 0, 13),  # load the byte of flags of the TCP header
    (0x45, 1, 0, 0x02),  # is SYN among them?
    (0x06, 0, 0, 0xFFFFFFFF),  # no: take the packet
    (0x06, 0, 0, 0),  # yes: drop it
)
"""A program of the classic Berkeley packet filter: code, jump if true, jump if false, constant."""
