"""Where tests make folders that servers use: on a disk of memory where there is plenty of it.

A first start makes thousands of files and removes them again; on a disk that is a fifth of what a test takes.
Tests kill processes, never machines, so nothing that they prove depends on what a disk keeps.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_NAME = "TESTS_ROOM"
_MEMORY, _DISK = "/dev/shm", "/tmp"  # noqa: S108 - only for folders of our own; $TMPDIR may be too deep for sockets
_PLENTY_BYTES = 10 * 2**30


def make_room() -> bool:
    """Make it for this process and those that it starts; whether there was none yet."""
    if _NAME in os.environ:
        return False
    folder = tempfile.mkdtemp(prefix="stocks-", dir=_MEMORY if _has_plenty() else _DISK)
    Path(folder).chmod(0o711)  # the servers' unprivileged user works in it
    os.environ[_NAME] = folder
    return True


def clear_room() -> None:
    """Remove it with all that was left there."""
    shutil.rmtree(os.environ.pop(_NAME), ignore_errors=True)


@contextmanager
def a_folder() -> Iterator[Path]:
    """A folder with a path short enough for sockets, which the servers' unprivileged user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="ops-", dir=os.environ.get(_NAME, _DISK)))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def shared(name: str) -> Path:
    """A place that every process of this run finds under this name."""
    return Path(os.environ[_NAME]) / name


def _has_plenty() -> bool:
    if not os.access(_MEMORY, os.W_OK | os.X_OK):
        return False
    found = os.statvfs(_MEMORY)
    free = min(found.f_bavail * found.f_frsize, psutil.virtual_memory().available)
    return free > _PLENTY_BYTES and not found.f_flag & os.ST_NOEXEC
