"""Files and folders as they shall be: values that plans are made of, and files.py writes."""

from dataclasses import dataclass, field
from pathlib import Path

from stock_ops.kit.accounts import Account

UNFINISHED = ".new"
"""Suffix of an unfinished file or folder; removed once it is whole."""


@dataclass(frozen=True, slots=True)
class NewFolder:
    """A folder with its permissions; no owner means ourselves."""

    path: Path
    mode: int
    owner: Account | None = None


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file with its text. The text may hold secrets and is never shown."""

    path: Path
    text: str = field(repr=False)
    owner: Account | None = None
    mode: int = 0o600
