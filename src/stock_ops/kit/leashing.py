"""The command line that starts a program on a leash (leash.py). Pure."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from stock_ops.kit.accounts import Account


class Leash(Protocol):
    """Starts a program so that it dies with its parent."""

    @property
    def python(self) -> Path:
        """The interpreter."""

    @property
    def leash(self) -> Path:
        """leash.py, which it runs."""


def leashed(
    python: Path,
    leash: Path,
    signal: str,
    user: Account | None,
    program: Iterable[str | Path],
    parent: int | None = None,
) -> list[str]:
    """The command line that runs a program so that it dies with its parent, as another user if need be.

    parent: the process that runs this line, where it knows its own number.
    """
    who = f"{user.name}:{user.uid}:{user.gid}" if user else "-"
    return [str(python), "-I", "-S", str(leash), signal, who, str(parent or "-"), *map(str, program)]
