"""Restores and drills that were cut off, as far as a start must know of them."""

import json
from pathlib import Path
from typing import Literal, get_args

import psutil

from stock_ops.kit.layout import Layout

Stage = Literal["fetch", "build", "log", "prove", "recover", "settle", "place"]
"""The next step of a restore; everything before it is done."""
STAGES: tuple[Stage, ...] = get_args(Stage)


def progress_file(work: Path) -> Path:
    """How far the restore came; without it nothing in the work folder counts."""
    return work / "restore.json"


def is_putting_in_place(layout: Layout) -> bool:
    """Whether a restore was cut off while it put its data in place; nothing may start then."""
    try:
        stage = json.loads(progress_file(layout.restore).read_text(encoding="utf-8"))["stage"]
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError, KeyError, TypeError):
        return True
    return stage == "place" or stage not in STAGES


def journal_file(folder: Path) -> Path:
    """The journal in a drill's folder."""
    return folder / "journal.json"


def scratch_name(drill: str) -> str:
    """Name of the folder that a drill restores into."""
    return f"drill-{drill}"


def read_abandoned(layout: Layout) -> tuple[Path, ...]:
    """The scratch folders that drills left which were killed."""
    try:
        drills = sorted(layout.drills.iterdir())
    except OSError:
        return ()
    return tuple(folder for drill in drills if (folder := _abandoned(drill)))


def _abandoned(drill: Path) -> Path | None:
    try:
        body = json.loads(journal_file(drill).read_text(encoding="utf-8"))
        scratch, pid, since = Path(body["scratch"]), int(body["pid"]), float(body["pid_since"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if (
        body.get("finished_at")
        or scratch.name != scratch_name(drill.name)
        or not scratch.is_dir()
        or _runs(pid, since)
    ):
        return None
    return scratch


def _runs(pid: int, since: float) -> bool:
    """Whether that very process still runs; another one may have got its number."""
    try:
        return bool(psutil.Process(pid).create_time() == since)
    except psutil.Error:
        return False
