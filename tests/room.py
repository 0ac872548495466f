"""Where tests make folders that servers use: on a disk of memory where there is plenty of it.

A first start makes thousands of files and removes them again; on a disk that is a fifth of what a test takes.
Tests kill processes, never machines, so nothing that they prove depends on what a disk keeps.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from stock_analysis.testing.processes import ROOM as _NAME

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


def shared(name: str, make: Callable[[Path], None]) -> Path:
    """A place of this name, made once in a run by whichever process asks first; others wait for it."""
    place = Path(os.environ[_NAME]) / name
    done = place.with_name(f"{name}.made")
    with place.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            make(place)
            done.touch()
    return place


def _has_plenty() -> bool:
    if not os.access(_MEMORY, os.W_OK | os.X_OK):
        return False
    found = os.statvfs(_MEMORY)
    free = min(found.f_bavail * found.f_frsize, psutil.virtual_memory().available)
    return free > _PLENTY_BYTES and not found.f_flag & os.ST_NOEXEC
