"""The machine and the user: who we are, whom the servers run as, limits, memory, clock."""

import os
import platform
import pwd
import resource
import subprocess
import sys
import time
import zoneinfo
from dataclasses import dataclass
from pathlib import Path

import psutil

_UNPRIVILEGED = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Host:
    """This machine as doctor sees it."""

    system: str
    machine: str
    python: str
    node: str | None
    npm: str | None
    open_files: int
    """The hard limit: the supervisor raises the soft one as far as it may."""
    memory_bytes: int
    memory_free_bytes: int
    clock: float
    zones_known: bool


def current_account() -> Account:
    """The user that runs this program."""
    return _account(os.geteuid(), os.getegid())


def service_account(cluster: Path) -> Account | None:
    """Whom the servers run as when we are root: the owner of the cluster, else a user without rights.

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


def observe_host() -> Host:
    """Versions, limits, memory and clock."""
    memory = psutil.virtual_memory()
    return Host(
        system=platform.system(),
        machine=platform.machine(),
        python=platform.python_version(),
        node=_version("node"),
        npm=_version("npm"),
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        memory_bytes=memory.total,
        memory_free_bytes=memory.available,
        clock=time.time(),
        zones_known=_zones_known(),
    )


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


def _version(command: str) -> str | None:
    """The version a command names itself; the one beside this Python counts too."""
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    try:
        done = subprocess.run(
            ["/usr/bin/env", f"PATH={search}", command, "--version"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip().removeprefix("v") if done.returncode == 0 else None


def _zones_known() -> bool:
    try:
        zoneinfo.ZoneInfo("America/New_York"), zoneinfo.ZoneInfo("Asia/Seoul")
    except zoneinfo.ZoneInfoNotFoundError:
        return False
    return True
