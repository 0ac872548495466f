"""What a run that was killed left behind: its networks overlap with new ones, and its ports lead nowhere.

Each stack is written down with a lock on it, which ends with the run whatever ends that.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tests.containers.podman import run

WRITTEN_DOWN = Path("/run/stock-test-stacks")  # podman is one for the machine; it forgets at a reboot, too
_DOOR = ".door"
IMAGE = "localhost/stock-analysis"
"""Each stack gives it a tag of its own: another run on this machine takes the common one."""
_held: dict[str, TextIO] = {}


def hold(project: str) -> None:
    """Write the project down as one of this run."""
    with _door():
        _held[project] = (WRITTEN_DOWN / project).open("w")
        fcntl.flock(_held[project], fcntl.LOCK_EX)


def remove(project: str) -> None:
    """Take the project's containers, volumes, networks and the name of its image away."""
    label = f"label=com.docker.compose.project={project}"
    for again in reversed(range(3)):  # podman has failed over one that had just ended
        if found := run("podman", "ps", "-aq", "--filter", label).stdout.split():
            run("podman", "rm", "-f", "-t", "10", *found, check=not again)
    for kind in ("volume", "network"):
        if named := run("podman", kind, "ls", "-q", "--filter", label).stdout.split():
            run("podman", kind, "rm", "-f", *named)
    for name in run("podman", "images", "-q", "--filter", f"reference=*:{project}").stdout.split():
        run("podman", "untag", name, f"{IMAGE}:{project}")
    (WRITTEN_DOWN / project).unlink(missing_ok=True)
    if held := _held.pop(project, None):
        held.close()


def remove_those_of_killed_runs() -> list[str]:
    """The projects that nobody held any more."""
    removed = []
    with _door():
        for path in WRITTEN_DOWN.iterdir():
            if path.name != _DOOR and not _is_held(path):
                remove(path.name)
                removed.append(path.name)
    return removed


@contextmanager
def _door() -> Iterator[None]:
    WRITTEN_DOWN.mkdir(exist_ok=True)
    with (WRITTEN_DOWN / _DOOR).open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield


def _is_held(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
