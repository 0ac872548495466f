"""The lines of the containers' logs."""

import contextlib
import queue
import subprocess
import threading
from collections.abc import Iterator, Sequence

from stock_ops.compose.facts.containers import Container
from stock_ops.compose.facts.stack import Stack


def log_lines(
    stack: Stack, containers: Sequence[Container], count: int, *, follow: bool
) -> Iterator[tuple[str, str]]:
    """Service and line: the last ones of each container, then, when asked for, all that come."""
    if not follow:
        for one in containers:
            yield from _last(stack, one, count)
        return
    lines: queue.Queue[tuple[str, str]] = queue.Queue()
    with contextlib.ExitStack() as stack_of:
        for one in containers:
            process = subprocess.Popen(
                _command(stack, one, count, "-f"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            stack_of.callback(_end, process)
            threading.Thread(target=_read, args=(one.service, process, lines), daemon=True).start()
        while True:
            yield lines.get()


def _last(stack: Stack, container: Container, count: int) -> Iterator[tuple[str, str]]:
    done = subprocess.run(
        _command(stack, container, count), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        yield container.service, line


def _command(stack: Stack, container: Container, count: int, *options: str) -> list[str]:
    return [stack.engine.program, "logs", *options, "--tail", f"{count}", container.id]


def _read(service: str, process: "subprocess.Popen[bytes]", lines: "queue.Queue[tuple[str, str]]") -> None:
    for line in process.stdout or ():
        lines.put((service, line.decode("utf-8", "replace").rstrip("\n")))


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait()
