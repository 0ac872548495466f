"""Files that are written whole or not at all, and the lock of the data folder."""

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from stock_ops.kit.accounts import Account
from stock_ops.kit.errors import BusyError, DiskFullError, FolderError, OpsError, PartError
from stock_ops.kit.layout import Layout
from stock_ops.kit.wanted import UNFINISHED, NewFile, NewFolder

_NEARLY_FULL_BYTES = 16 * 2**20

_LOOK_AGAIN_S = 0.1


def make_folder(folder: NewFolder) -> None:
    """Make the folder, or set its permissions right; its contents go to its owner, if it has one."""
    folder.path.mkdir(parents=True, exist_ok=True)
    if folder.owner:
        _give_all(folder.path, folder.owner)
    folder.path.chmod(folder.mode)


def write_whole(file: NewFile) -> None:
    """Write beside it, flush to disk, then rename: a reader sees the old text or the new one."""
    unfinished = file.path.with_name(file.path.name + UNFINISHED)
    with contextlib.suppress(FileNotFoundError):
        unfinished.unlink()
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        if file.owner:
            os.fchown(out.fileno(), file.owner.uid, file.owner.gid)
        if file.mode != 0o600:
            os.fchmod(out.fileno(), file.mode)
        out.write(file.text)
        out.flush()
        os.fsync(out.fileno())
    unfinished.replace(file.path)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def exclusive(
    layout: Layout, verb: str, lock: Path | None = None, *, patience_s: float = 0.0
) -> Iterator[None]:
    """Hold the data folder's lock, or another one in it.

    Raises BusyError when somebody else still has it after `patience_s`; 0: at once.
    The kernel frees the lock when its holder dies, so a lock file that is left over locks nothing.
    """
    if not layout.root.exists():
        make_folder(NewFolder(layout.root, 0o711 if os.geteuid() == 0 else 0o700))
    handle = os.open(lock or layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(handle, patience_s)
        os.truncate(handle, 0)
        os.write(handle, f"stockops {verb}, pid {os.getpid()}, since {time.strftime('%H:%M:%S')}".encode())
        yield
    finally:
        os.close(handle)


def is_held(lock: Path) -> bool:
    """Whether the lock is held: it is taken for an instant. One that we may not open counts as free."""
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _is_taken(handle)
    finally:
        os.close(handle)


def holder_of(lock: Path) -> str | None:
    """Who holds the lock, in the words that the holder wrote; None when it is free, or may not be opened."""
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return None if _is_taken(handle) else _words_of(handle)
    finally:
        os.close(handle)


def _words_of(handle: int) -> str:
    return os.pread(handle, 200, 0).decode("utf-8", "replace").strip() or "it has just begun"


def _take(handle: int, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while not _is_taken(handle):
        if time.monotonic() >= deadline:
            raise BusyError(_words_of(handle))
        time.sleep(_LOOK_AGAIN_S)


def _is_taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _give_all(top: Path, owner: Account) -> None:
    """Give the folder and its contents. Its owner may plant links there, so none is followed."""
    for _, _, names, folder in os.fwalk(top):
        os.fchown(folder, owner.uid, owner.gid)
        for name in names:
            _give_file(name, folder, owner)


def _give_file(name: str, folder: int, owner: Account) -> None:
    """Give a file by its open handle; not a link, nor a file that has another name in some other place."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return
    try:
        found = os.fstat(handle)
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
            os.fchown(handle, owner.uid, owner.gid)
    finally:
        os.close(handle)


def explain(error: OpsError | OSError, layout: Layout) -> OpsError:
    """The error in words for the operator: a full disk is named as such, whichever program noticed it."""
    free = _free_bytes(layout.root)
    if isinstance(error, OpsError):
        full = isinstance(error, PartError) and ("No space left" in error.why or free < _NEARLY_FULL_BYTES)
        return DiskFullError(layout.root, free, free + _NEARLY_FULL_BYTES * 8) if full else error
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFullError(layout.root, free, free + _NEARLY_FULL_BYTES * 8)
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return FolderError(f"{what}.", "Check that file or folder, then run the same command again.")


def _free_bytes(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 2**63
