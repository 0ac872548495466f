"""Folders change places so that each step is whole, and on the disk, before the next one begins."""

import ctypes
import errno
import os
import shutil
from pathlib import Path

from stock_ops.kit.files import remove

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_CANNOT = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}
"""What a kernel or a file system says that knows no exchange."""


def move(source: Path, target: Path) -> None:
    """Rename a folder, and have that on the disk. On another disk, it is copied whole before it goes."""
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        unfinished = target.with_name(f"{target.name}.new")
        remove(unfinished)
        shutil.copytree(source, unfinished, symlinks=True)
        flush_all(unfinished)
        unfinished.rename(target)
        remove(source)
    for folder in {source.parent, target.parent}:
        flush(folder)


def exchange(one: Path, other: Path) -> bool:
    """Let two folders change places in one step; False where the file system cannot, and nothing happened."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    paths = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other))
    if rename(*paths, ctypes.c_uint(_RENAME_EXCHANGE)) != 0:
        number = ctypes.get_errno()
        if number in _CANNOT:
            return False
        raise OSError(number, os.strerror(number), str(other))
    for folder in {one.parent, other.parent}:
        flush(folder)
    return True


def flush(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_all(top: Path) -> None:
    """Have everything below a folder on the disk."""
    for folder, _, names in os.walk(top):
        for name in names:
            handle = os.open(Path(folder, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        flush(Path(folder))
