"""Commands that run to their end: as another user if need be, and never longer than we live."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from stock_ops.kit.accounts import Account
from stock_ops.kit.errors import PartError
from stock_ops.kit.leashing import Leash, leashed

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


def last_words(output: str) -> str:
    """The line of an output that most likely says why it failed."""
    lines = [_plain(line) for line in output.translate(_FRAMES).splitlines()]
    lines = [line for line in lines if line]
    telling = [line for line in lines if any(word in line for word in _TELLING)]
    return ((telling or lines)[-1] if lines else "it said nothing")[:400]


_FRAMES = dict.fromkeys(map(ord, "│╭╮╰╯─┃━┏┓┗┛|"), " ")
"""What a command may draw around its words."""
_TELLING = ("FATAL", "PANIC", "ERROR", "rror:", "No space left", "cannot", "could not")


def _plain(line: str) -> str:
    """A line of a log without its JSON."""
    try:
        found = json.loads(line)
        words = [found["message"], found.get("error.message")]
    except (ValueError, KeyError, TypeError):
        return " ".join(line.split())
    prefix = "error: " if found.get("log.level") in {"error", "critical"} else ""
    return prefix + ": ".join(str(word) for word in words if word)
