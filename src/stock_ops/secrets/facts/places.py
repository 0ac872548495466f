"""Where a secret could have leaked to on this machine: logs, settings, processes, what backups leave open."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil

from stock_ops.kit.layout import Layout
from stock_ops.secrets.facts.search import Place
from stock_ops.storage.objects import SEALED
from stock_ops.storage.storage import MissingObjectError, Storage

_PIECE_BYTES = 2**20


def log_places(layout: Layout) -> Iterator[Place]:
    """Every log of the data folder, those that were rotated, too."""
    for path in sorted(layout.logs.glob("**/*")):
        if path.is_file():
            yield file_place("log", path)


def settings_places(layout: Layout) -> Iterator[Place]:
    """The generated settings and records that shall be free of secrets."""
    mine = (layout.memory, layout.platform_config, layout.supervisor_config)
    part = (layout.backup_state, layout.identity)
    others = [path for folder in (layout.drills, layout.run) for path in sorted(folder.glob("**/*"))]
    server = [layout.postgresql / name for name in ("postgresql.conf", "pg_hba.conf", "operator.conf")]
    for path in (*mine, *part, *others, *server):
        if path.is_file():
            yield file_place("settings", path)


def process_places() -> Iterator[Place]:
    """The command line and the environment of every process of this machine."""
    for process in psutil.process_iter(["name"]):
        who = f"{process.info['name']}, pid {process.pid}"
        yield Place("process list", f"command line of {who}", partial(_command, process))
        yield Place("environment", f"environment of {who}", partial(_environment, process))


def backup_places(storage: Storage) -> Iterator[Place]:
    """What lies in the storage unsealed: manifests, marks, who writes; and the names of all objects.

    storage: without checks, so that a leak is found in what somebody else wrote there, too.
    """
    names = []
    for one in storage.list():
        names.append(one.name)
        if not one.name.endswith(SEALED):
            yield Place("backup", f"{one.name} in {storage.where}", partial(_object, storage, one.name))
    yield Place("backup", f"names in {storage.where}", lambda: iter(["\n".join(names).encode()]))


def file_place(kind: str, path: Path) -> Place:
    """A file that is read in pieces."""
    return Place(kind, f"{path}", partial(_file, path), has_lines=True)


def _file(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _command(process: psutil.Process) -> Iterator[bytes]:
    try:
        yield "\0".join(process.cmdline()).encode("utf-8", "surrogateescape")
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied as error:
        raise PermissionError("belongs to another user") from error


def _environment(process: psutil.Process) -> Iterator[bytes]:
    try:
        found = process.environ()
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied as error:
        raise PermissionError("belongs to another user") from error
    yield "\0".join(f"{name}={value}" for name, value in found.items()).encode("utf-8", "surrogateescape")


def _object(storage: Storage, name: str) -> Iterator[bytes]:
    try:
        with storage.open(name) as source:
            while piece := source.read(_PIECE_BYTES):
                yield piece
    except MissingObjectError:
        return
