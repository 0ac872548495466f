"""Users of this machine: the one who runs this program, and the one of the servers."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

_UNPRIVILEGED = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int


def current_account() -> Account:
    """The user that runs this program."""
    return _account(os.geteuid(), os.getegid())


def service_account(cluster: Path) -> Account | None:
    """The user of the servers when we are root: the owner of the cluster, else one without rights.

    None when we are not root, or when there is no such user.
    """
    if os.geteuid() != 0:
        return None
    owner = _owner(cluster)
    return owner or next((found for name in _UNPRIVILEGED if (found := _named(name))), None)


def can_enter(account: Account, folder: Path) -> bool:
    """Whether the user can go into the folder. Asked of the kernel, as that user."""
    try:
        done = subprocess.run(
            ["/usr/bin/env", "test", "-x", str(folder)],
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _account(uid: int, gid: int) -> Account:
    try:
        return Account(pwd.getpwuid(uid).pw_name, uid, gid)
    except KeyError:
        return Account(str(uid), uid, gid)


def _named(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid)


def _owner(folder: Path) -> Account | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return _account(status.st_uid, status.st_gid) if status.st_uid != 0 else None
