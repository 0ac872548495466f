"""The scheduled jobs: stockops itself, in processes of their own, none longer than its limit."""

import asyncio
import contextlib
import json
import logging
import os
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Any

from stock_ops.kit.commands import environment
from stock_ops.kit.errors import OpsError, PartError
from stock_ops.kit.layout import Layout
from stock_ops.kit.leashing import leashed
from stock_ops.kit.words import last_words
from stock_ops.local.facts.programs import Programs
from stock_ops.watch.plans.schedule import Job

log = logging.getLogger("stockops.backup")

COMMANDS: dict[Job, tuple[str, ...]] = {
    "full": ("backup", "create", "--full"),
    "incr": ("backup", "create"),
    "prune": ("backup", "prune", "--yes"),
    "drill": ("drill",),
}
LIMITS_S: dict[Job, float] = {"full": 24 * 3600.0, "incr": 24 * 3600.0, "prune": 3600.0, "drill": 6 * 3600.0}
_END_S = 4.0


async def run_job(job: Job, layout: Layout, programs: Programs) -> dict[str, Any]:
    """Run a scheduled job; as run_command."""
    return await run_command(COMMANDS[job], LIMITS_S[job], layout, programs)


async def run_command(
    words: tuple[str, ...], limit_s: float, layout: Layout, programs: Programs
) -> dict[str, Any]:
    """Run it to its end, and return its result.

    Raises OpsError with what it said when it fails or takes too long. Cancelled, it ends the process before
    it returns.
    """
    command: list[str | Path] = [
        programs.python,
        "-m",
        "stock_ops",
        *words,
        "--data",
        layout.root,
        "--json",
    ]
    line = leashed(programs.python, programs.leash, "TERM", None, command, os.getpid())
    try:
        process = await asyncio.create_subprocess_exec(
            *line, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, cwd=layout.root, env=environment()
        )
    except OSError as error:
        raise PartError(f"It cannot be started: {error.strerror}.", _TODO) from error
    told = " ".join(words)
    log.info("%s begins, process %d", told, process.pid)
    try:
        async with asyncio.timeout(limit_s):
            out, err = await process.communicate()
    except TimeoutError:
        raise PartError(f"It took longer than {limit_s / 3600:g} h and was ended.", _TODO) from None
    finally:
        await _end(process)
    if process.returncode != 0:
        raise _explained(out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))
    log.info("%s is done", told)
    return _result(out)


def _result(out: bytes) -> dict[str, Any]:
    try:
        found = json.loads(out)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


async def _end(process: Process) -> None:
    """Politely, then by force."""
    for end in (process.terminate, process.kill):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            end()
        await asyncio.wait({asyncio.create_task(process.wait())}, timeout=_END_S)


def _explained(out: str, err: str) -> OpsError:
    """Why it failed: the error of its JSON, else its last words."""
    try:
        error = json.loads(out)["error"]
        return PartError(str(error["why"]), str(error["todo"]))
    except (ValueError, KeyError, TypeError):
        return PartError(f"It failed: {last_words(err or out)}", _TODO)


_TODO = "`stockops logs backup` says more."
