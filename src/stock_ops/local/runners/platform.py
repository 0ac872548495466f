"""Run one command of the platform to its end."""

import os
import subprocess
from pathlib import Path

from stock_ops.kit.commands import environment
from stock_ops.kit.errors import PartError
from stock_ops.kit.layout import Layout
from stock_ops.kit.leashing import leashed
from stock_ops.kit.words import last_words
from stock_ops.local.facts.programs import Programs

_SETUP_LOG_BYTES = 2**20


def run_platform(layout: Layout, programs: Programs, command: str) -> None:
    """The command's output goes to setup.log; its last words to the operator when it fails."""
    log = layout.log("setup")
    if size_of(log) > _SETUP_LOG_BYTES:
        log.replace(log.with_name(log.name + ".1"))
    start = size_of(log)
    line = leashed(
        programs.python,
        programs.leash,
        "KILL",
        None,
        [str(programs.platform), *command.split()],
        os.getpid(),
    )
    with log.open("ab") as out:
        done = subprocess.run(
            line,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=layout.root,
            env=environment() | {"STOCK_CONFIG_FILE": str(layout.platform_config)},
            check=False,
        )
    if done.returncode != 0:
        words = last_words(log.read_bytes()[start:].decode("utf-8", "replace"))
        raise PartError(f"stock-analysis {command} failed: {words}", f"Its log says more: {log}")


def size_of(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
