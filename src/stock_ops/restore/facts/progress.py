"""The progress of a restore, and its files in the work folder."""

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from stock_ops.local.facts.instance import Unreadable
from stock_ops.local.facts.unfinished import STAGES, Stage, progress_file
from stock_ops.storage.objects import is_backup_id
from stock_ops.storage.timelines import Held


@dataclass(frozen=True, slots=True)
class Target:
    """Where recovery ends."""

    kind: Literal["latest", "time", "mark"]
    value: str = ""
    """The time with its zone, or the name of the mark."""

    def __str__(self) -> str:
        return "latest point" if self.kind == "latest" else f"{self.kind} {self.value}"


@dataclass(frozen=True, slots=True)
class Progress:
    """restore.json: the choice and the progress of an unfinished restore."""

    asked: str
    """The request and the storage; another request begins anew."""
    chain: tuple[str, ...]
    timeline: int
    target: Target
    wal: tuple[Held, ...]
    gap: str
    """Where the log that is there ends although there is more; empty: nowhere."""
    boot: str
    """The run of the machine in which it began; the next one may lack what was not flushed."""
    stage: Stage = "fetch"
    new: int = 0
    """Inode of the new cluster's folder, once it is whole; it stays the same wherever the folder is moved."""
    keep: str = ""
    """Name of the folder that takes the old data."""
    streams: bool = False
    """The backup holds data of Valkey, so that a new folder of Valkey comes, too."""
    end_is_target: bool = False
    """No commit lies after the target in time: where the log ends, the recovery has reached it."""
    armed: tuple[str, ...] = ()
    """Settings of the backup that could run a command or load code, and were not taken over."""
    back: str = ""
    """What to type for the end of the newest timeline; empty where that comes now, or is out of reach."""


@dataclass(frozen=True, slots=True)
class Works:
    """An unfinished restore as it lies on the disk."""

    progress: Progress | Unreadable | None
    fetched: frozenset[str]
    """Backups that were fetched to their end."""
    built: int | None
    """Inode of the cluster in the work folder."""
    placed: int | None
    """Inode of the cluster in its place."""


def observe_works(work: Path, place: Path) -> Works:
    """Look at the work folder of a restore, and at the place of the cluster."""
    return Works(
        progress=read_progress(work),
        fetched=_names(chain_folder(work)),
        built=_inode(cluster_folder(work)),
        placed=_inode(place),
    )


def chain_folder(work: Path) -> Path:
    """The backups of the chain, each in a folder of its name once it is whole."""
    return work / "chain"


def log_folder(work: Path) -> Path:
    """The write-ahead log that recovery reads."""
    return work / "log"


def cluster_folder(work: Path) -> Path:
    """The new cluster until it is in its place; then, for a moment, the old one."""
    return work / "postgresql"


def cache_folder(work: Path) -> Path:
    """The new folder of Valkey until it is in its place, where the backup holds anything of it."""
    return work / "valkey"


def read_progress(work: Path) -> Progress | Unreadable | None:
    """restore.json, or None when no restore is unfinished."""
    path = progress_file(work)
    try:
        return _progress(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Unreadable(path, error.strerror or type(error).__name__)
    except (ValueError, KeyError, TypeError) as error:
        return Unreadable(path, f"it is no progress of a restore ({type(error).__name__})")


def dump_progress(progress: Progress) -> str:
    """The text of restore.json."""
    return json.dumps(asdict(progress), indent=1) + "\n"


def boot_of_machine() -> str:
    """A name of this run of the machine."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{psutil.boot_time():.0f}"


def _progress(body: dict[str, Any]) -> Progress:
    if body["stage"] not in STAGES:
        raise ValueError("its stage is unknown")
    return Progress(
        **{
            **body,
            "chain": tuple(map(str, body["chain"])),
            "target": Target(**body["target"]),
            "armed": tuple(map(str, body.get("armed", ()))),
            "wal": tuple(Held(**held) for held in body["wal"]),
        }
    )


def _names(folder: Path) -> frozenset[str]:
    try:
        return frozenset(entry.name for entry in folder.iterdir() if is_backup_id(entry.name))
    except OSError:
        return frozenset()


def _inode(folder: Path) -> int | None:
    try:
        return folder.stat().st_ino
    except OSError:
        return None
