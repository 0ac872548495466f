"""The data folder on its disk: is it there, may we use it, how much room is left."""

import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stock_ops.kit.accounts import Account, can_enter


@dataclass(frozen=True, slots=True)
class Mode:
    """Permissions and owner of a folder."""

    mode: int
    owner: int


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder, there or not."""

    path: Path
    exists: bool
    is_folder: bool
    owner: int | None
    usable: bool
    """We may read, write and enter it, or make it."""
    nearest: Path
    """The folder itself, else the nearest one above it that exists."""
    entries: frozenset[str]
    """Names of its entries."""
    modes: Mapping[Path, Mode | None]
    """Our folders in it; None where one is missing."""
    free_bytes: int
    total_bytes: int
    programs_allowed: bool
    """False when the disk is mounted noexec."""
    closed_to_service: Path | None
    """The first folder on the way that the unprivileged user cannot enter."""


def observe_folder(path: Path, service: Account | None, within: Iterable[Path] = ()) -> Folder:
    """Look at the folder without touching it.

    within: the folders in it whose permissions matter.
    """
    nearest = _nearest(path)
    disk = shutil.disk_usage(nearest)
    exists = path.exists()
    return Folder(
        path=path,
        exists=exists,
        is_folder=path.is_dir(),
        owner=path.stat().st_uid if exists else None,
        usable=nearest.is_dir() and os.access(nearest, os.R_OK | os.W_OK | os.X_OK),
        nearest=nearest,
        entries=_entries(path),
        modes={folder: _mode(folder) for folder in (path, *within)},
        free_bytes=disk.free,
        total_bytes=disk.total,
        programs_allowed=not os.statvfs(nearest).f_flag & getattr(os, "ST_NOEXEC", 0),
        closed_to_service=_closed_to(service, nearest) if service else None,
    )


def size_bytes(folder: Path) -> int:
    """Bytes of all files below; files that vanish meanwhile count nothing."""
    total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(base, name).lstat().st_size
            except OSError:
                continue
    return total


def _entries(path: Path) -> frozenset[str]:
    try:
        return frozenset(entry.name for entry in path.iterdir())
    except OSError:
        return frozenset()


def _mode(path: Path) -> Mode | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return Mode(stat.S_IMODE(status.st_mode), status.st_uid)


def _nearest(path: Path) -> Path:
    for candidate in (path, *path.parents):
        try:
            candidate.lstat()
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
        return candidate
    return Path("/")


def _closed_to(service: Account, nearest: Path) -> Path | None:
    way = [*reversed(nearest.parents), nearest]
    if can_enter(service, nearest):
        return None
    return next((folder for folder in way if not can_enter(service, folder)), nearest)
