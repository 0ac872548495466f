"""What a storage holds for a restore, and how far an earlier restore came."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

import psutil

from stock_ops.kit.layout import Layout
from stock_ops.local.facts.instance import Unreadable
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.marks import NamedMark
from stock_ops.storage.objects import is_backup_id
from stock_ops.storage.timelines import Held, Leg
from stock_ops.storage.wal import timeline_of


@dataclass(frozen=True, slots=True)
class Branch:
    """Where an earlier restore left a timeline although that goes on, and began another one."""

    left: Leg
    begun: Leg
    at: datetime
    """Of what was not brought back, the first commit, or the mark before it."""
    first_commit: datetime | None = None
    """On the timeline that was begun; None where it was not looked for, or there is none."""


@dataclass(frozen=True, slots=True)
class Passage:
    """How the log that leads to a time passes it, as the log itself tells."""

    last_commit: datetime | None
    """The last one in that log."""
    number: int | None
    """Of a segment with a commit after the time; None: it holds none."""
    marks: frozenset[str] = frozenset()
    """Names of those in its last segment, which may end before one that was set there."""


@dataclass(frozen=True, slots=True)
class Archive:
    """What a storage holds, as far as a restore needs to know."""

    where: str
    system_identifier: str
    backups: tuple[Manifest, ...]
    damaged: Mapping[str, str]
    """Backups whose manifest cannot be trusted, and why."""
    sizes: Mapping[str, int]
    """Stored bytes of every object that belongs to a backup."""
    whole: frozenset[str]
    """Names of the segments that are there to their end."""
    partial: frozenset[str]
    histories: Mapping[int, str]
    """Text of each timeline's history; empty where it is damaged."""
    marks: tuple[NamedMark, ...]
    passage: Passage | None = None
    """At the time that is asked for; None where nobody asks for one."""
    branch: Branch | None = None
    """The last one before a time that is asked for; None where there is none, or nobody asks."""

    @property
    def timeline(self) -> int:
        """The newest timeline."""
        of_segments = (timeline_of(segment) for segment in self.whole | self.partial)
        of_backups = (backup.timeline for backup in self.backups)
        return max((*self.histories, *of_segments, *of_backups), default=1)


@dataclass(frozen=True, slots=True)
class Target:
    """Where recovery ends."""

    kind: Literal["latest", "time", "mark"]
    value: str = ""
    """The time with its zone, or the name of the mark."""

    def __str__(self) -> str:
        return "latest point" if self.kind == "latest" else f"{self.kind} {self.value}"


Stage = Literal["fetch", "build", "log", "prove", "recover", "settle", "place"]
"""What a restore is about to do; everything before it is done."""
STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(frozen=True, slots=True)
class Progress:
    """restore.json: what an unfinished restore brings back, and how far it came."""

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
    """The backup holds what Valkey cannot compute again, so that a new folder of Valkey comes, too."""
    end_is_target: bool = False
    """No commit lies after the target in time: where the log ends, the recovery has reached it."""
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


def progress_file(work: Path) -> Path:
    """How far the restore came; without it nothing in the work folder counts."""
    return work / "restore.json"


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


def is_putting_in_place(layout: Layout) -> bool:
    """Whether a restore was cut off while it put its data in place; nothing may start then."""
    progress = read_progress(layout.restore)
    return isinstance(progress, Unreadable) or (progress is not None and progress.stage == "place")


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
