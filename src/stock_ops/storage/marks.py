"""Restore points that an operator named, so that a restore finds the backup before one."""

import json
import re
from dataclasses import dataclass
from datetime import datetime

MARKS = "marks/"
LONGEST_NAME = 60
"""PostgreSQL allows 63 characters."""

_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{LONGEST_NAME - 1}}}")


@dataclass(frozen=True, slots=True)
class NamedMark:
    """A named restore point and where it lies in the log."""

    name: str
    lsn: str
    timeline: int
    at: datetime


def is_mark_name(text: str) -> bool:
    """Whether a mark may be named so; the names of backups' own marks are taken."""
    return _NAME.fullmatch(text) is not None and not text.startswith("backup-")


def mark_object(name: str) -> str:
    """The object that remembers a mark."""
    return f"{MARKS}{name}.json"


def dump_mark(mark: NamedMark) -> bytes:
    """The text of a mark's object."""
    body = {"name": mark.name, "lsn": mark.lsn, "timeline": mark.timeline, "at": mark.at.isoformat()}
    return json.dumps(body).encode() + b"\n"


def load_mark(data: bytes) -> NamedMark | None:
    """The mark in the text of an object; None when it makes no sense."""
    try:
        body = json.loads(data)
        at = datetime.fromisoformat(body["at"])
        return NamedMark(str(body["name"]), str(body["lsn"]), int(body["timeline"]), at)
    except (ValueError, KeyError, TypeError):
        return None
