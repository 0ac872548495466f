"""The free ports of this machine, and the holders of the others."""

import contextlib
import errno
import random
import socket
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import psutil

_INTERNAL = range(20_000, 30_000)
"""Below the ports that systems hand out to outgoing connections, so that none of those is in the way."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that listens on a port; unknown when it belongs to another user."""

    pid: int | None
    name: str | None
    user: str | None

    def __str__(self) -> str:
        if self.pid is None:
            return "a program of another user (as root, `ss -ltnp` names it)"
        return f"{self.name} (pid {self.pid}, user {self.user})"


def obstacle(host: str, port: int) -> OSError | None:
    """The obstacle to listening there now; None when there is none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return error
        except (ValueError, TypeError):  # such a name cannot even be asked for
            return OSError(errno.EINVAL, "no host can have that name")
    return None


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    return obstacle(host, port) is None


def is_taken(host: str, port: int) -> bool:
    """Whether a server cannot listen there because another one does."""
    found = obstacle(host, port)
    return found is not None and found.errno == errno.EADDRINUSE


def holders_of(ports: Collection[int]) -> dict[int, Holder]:
    """The process that listens on each port, as far as this user may see it."""
    found = dict.fromkeys(ports, Holder(None, None, None))
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp") if ports else ():
            if connection.status != psutil.CONN_LISTEN or not connection.laddr or not connection.pid:
                continue
            if connection.laddr.port in found:
                found[connection.laddr.port] = _holder(connection.pid)
    return found


def free_ports(host: str, count: int, *, avoid: frozenset[int] = frozenset()) -> tuple[int, ...]:
    """Some free ports, drawn at random so that two instances started together do not choose the same."""
    return tuple(port for port, _ in zip(_draw(host, avoid), range(count), strict=False))


def _draw(host: str, avoid: frozenset[int]) -> Iterator[int]:
    for port in random.sample(_INTERNAL, len(_INTERNAL)):
        if port not in avoid and is_free(host, port):
            yield port


def _holder(pid: int) -> Holder:
    try:
        process = psutil.Process(pid)
        return Holder(pid, process.name(), process.username())
    except psutil.Error:
        return Holder(pid, "a program that just ended", None)
