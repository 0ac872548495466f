"""The machine: versions, limits, memory, clock."""

import os
import platform
import resource
import subprocess
import sys
import time
import zoneinfo
from dataclasses import dataclass
from pathlib import Path

import psutil


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
