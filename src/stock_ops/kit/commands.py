"""Commands that run to their end: as another user if need be, and never longer than we live."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from stock_ops.kit.accounts import Account
from stock_ops.kit.errors import PartError
from stock_ops.kit.leashing import Leash, leashed
from stock_ops.kit.words import last_words

_DROPPED = ("PYTHONDONTWRITEBYTECODE",)


def environment() -> dict[str, str]:
    """Our environment without variables that slow down Python or change PostgreSQL's behaviour."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _DROPPED and not name.startswith("PG")
    }


def run_to_end(
    leash: Leash,
    command: Sequence[str | Path],
    *,
    what: str,
    user: Account | None = None,
    text: str = "",
    cwd: Path = Path("/"),
) -> str:
    """Run the command and return what it printed. It dies with us.

    Raises PartError with its last words when it fails.
    """
    line = leashed(leash.python, leash.leash, "KILL", user, command, os.getpid())
    done = subprocess.run(
        line,
        input=text,
        text=True,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        env=environment(),
        check=False,
    )
    if done.returncode != 0:
        raise PartError(f"{what} failed: {last_words(done.stdout)}", "Run `stockops doctor`, then try again.")
    return done.stdout
