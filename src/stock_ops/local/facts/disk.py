"""The disks that the data lie on: how much room is left, in bytes and in inodes."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stock_ops.kit.container import in_container
from stock_ops.kit.layout import Layout


@dataclass(frozen=True, slots=True)
class Disk:
    """One file system, and how fast it fills."""

    folder: str
    """The first of our folders on it."""
    free_bytes: int
    total_bytes: int
    free_inodes: int
    total_inodes: int
    """0 where the file system has no such limit."""
    full_in_s: float | None = None
    """Until bytes or inodes run out, if they go on as they did; None: unknown, or it does not fill."""
    seen_s: float = 0.0
    """How long it was watched for that."""


def observe_disks(layout: Layout) -> tuple[Disk, ...]:
    """Each file system once: that of the data folder, of the database, of its log, of the spool."""
    if in_container():  # the database's is another container's; the folder itself is a small disk in memory
        return tuple(_disks(layout.spool))
    return tuple(_disks(layout.root, layout.postgresql, layout.postgresql / "pg_wal", layout.spool))


def _disks(*folders: Path) -> Iterator[Disk]:
    seen: set[int] = set()
    for folder in folders:
        try:
            device, found = folder.stat().st_dev, os.statvfs(folder)
        except OSError:
            continue
        if device in seen:
            continue
        seen.add(device)
        yield Disk(
            folder=f"{folder}",
            free_bytes=found.f_bavail * found.f_frsize,
            total_bytes=found.f_blocks * found.f_frsize,
            free_inodes=found.f_favail,
            total_inodes=found.f_files,
        )


def read_disks(overview: Mapping[str, Any] | None) -> tuple[Disk, ...]:
    """The disks as the part `backup` has watched them."""
    return tuple(Disk(**one) for one in overview.get("disks", ())) if overview else ()
