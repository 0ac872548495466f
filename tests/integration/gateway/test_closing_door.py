"""Connections that begin while a server closes: kept out by the kernel where it may be told, else taken."""

import contextlib
import socket
import sys

from stock_analysis.kit.server import keep_newcomers_out

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
