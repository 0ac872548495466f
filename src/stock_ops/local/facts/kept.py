"""The old data that restores have replaced."""

from dataclasses import dataclass
from pathlib import Path

from stock_ops.kit.layout import Layout
from stock_ops.local.facts.folder import size_bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """The old data of one restore."""

    name: str
    folder: Path
    holds: tuple[str, ...]
    size_bytes: int


def read_kept(layout: Layout) -> tuple[Kept, ...]:
    """All of it, oldest first."""
    try:
        folders = sorted(entry for entry in layout.kept.iterdir() if entry.is_dir())
    except OSError:
        return ()
    return tuple(
        Kept(folder.name, folder, tuple(sorted(one.name for one in folder.iterdir())), size_bytes(folder))
        for folder in folders
    )
