"""Programs of PostgreSQL whose output is read as it comes; one that fails fails the reader.

Their pipes stay as small as the system makes them (64 KiB), so that what passes is still in the processor's
cache: with 1 MiB a base backup took half as long again on a busy machine.
"""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, cast

from stock_ops.backup.facts.creation import Tools
from stock_ops.kit.commands import environment
from stock_ops.kit.errors import PartError
from stock_ops.kit.leashing import leashed
from stock_ops.kit.words import last_words

Advance = Callable[[int], object]
"""Told how many bytes have come so far."""
Watch = Callable[[bytes], object]


class Count:
    """Tells how much has come."""

    def __init__(self, advance: Advance) -> None:
        self._advance, self._came = advance, 0

    def __call__(self, data: bytes) -> None:
        """The next bytes."""
        self._came += len(data)
        self._advance(self._came)


class Output:
    """The output of a program. Its end is reached only if the program succeeded; else PartError is raised."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", errors: BinaryIO, what: str, watches: tuple[Watch, ...]
    ) -> None:
        self._process, self._errors, self._what, self._watches = process, errors, what, watches

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most `size`; none at the end."""
        assert self._process.stdout is not None  # noqa: S101 - opened as a pipe
        data = self._process.stdout.read(size)
        for watch in self._watches if data else ():
            watch(data)
        if not data and self._process.wait() != 0:
            raise self._failure()
        return data

    def _failure(self) -> PartError:
        self._errors.seek(0)
        told = last_words(self._errors.read().decode("utf-8", "replace"))
        return PartError(
            f"{self._what} failed: {told}", "See `stockops logs postgresql`, then run this again."
        )


@contextlib.contextmanager
def output_of(tools: Tools, command: Sequence[str], what: str, *watches: Watch) -> Iterator[BinaryIO]:
    """Run one of PostgreSQL's programs and read its output. It ends with the context, and with us.

    command: its name and arguments. watches: each sees all that is read.
    """
    line = leashed(
        tools.programs.python,
        tools.programs.leash,
        "KILL",
        tools.account,
        [tools.folder / command[0], *command[1:]],
        os.getpid(),
    )
    variables = environment() | {"PGPASSFILE": str(tools.passfile)}
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            line,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd="/",
            env=variables,
        ) as process,
    ):
        try:
            yield cast("BinaryIO", Output(process, cast("BinaryIO", errors), what, watches))
        finally:
            process.kill()
