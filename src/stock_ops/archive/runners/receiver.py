"""pg_receivewal, which writes the server's log into the spool."""

import asyncio
import contextlib
import logging
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path

from stock_ops.kit.commands import environment
from stock_ops.kit.layout import BACKUP_ROLE
from stock_ops.local.plans.settings import SLOT

log = logging.getLogger("stockops.backup")

_END_S = 5.0
_DISCONNECTED = "error: disconnected"
"""Its last line after any error."""


class Receiver:
    """One run of pg_receivewal after the other; each ends with this process, even by kill -9."""

    def __init__(self, command: Sequence[str], passfile: Path) -> None:
        self._command = command
        self._environment = environment() | {"PGPASSFILE": str(passfile)}
        self._process: Process | None = None
        self._reader: asyncio.Task[str] | None = None

    @property
    def runs(self) -> bool:
        """Whether it receives, or is about to."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it. By the main thread: the kernel ends it with the thread that started it."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, cwd="/", env=self._environment
        )
        self._reader = asyncio.create_task(_pass_on(self._process))

    async def ended(self, limit_s: float) -> bool:
        """Wait so long for its end; whether it has ended."""
        if self._reader:
            await asyncio.wait({self._reader}, timeout=limit_s)
        return not self.runs

    async def stop(self) -> str:
        """End it, and return its last words."""
        if self._process is None or self._reader is None:
            return ""
        for number in (signal.SIGINT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
            if await self.ended(_END_S):
                break
        return await self._reader


def receive_command(program: Path, spool: Path, host: str, port: int) -> list[str | Path]:
    """The command line. A status every second tells the server, and thereby us, how far it is.

    It need not flush what it writes before a segment is whole: until then the slot keeps it on the server.
    """
    address = f"host={host} port={port} user={BACKUP_ROLE} dbname=replication application_name=stockops"
    options = ["--no-loop", "--no-password", "--status-interval=1", f"--slot={SLOT}"]
    return [program, "-D", spool, *options, "-d", address]


async def _pass_on(process: Process) -> str:
    """Its words go to our log; returns the last ones when it has ended."""
    last = ""
    if process.stderr:
        async for line in process.stderr:
            words = line.decode("utf-8", "replace").strip().removeprefix("pg_receivewal: ")
            log.info("%s", words)
            if words and not words.endswith(_DISCONNECTED):
                last = words
    code = await process.wait()
    return last or f"it ended without a message ({code})"
