"""The part `backup`: its memory between starts, and its own account while it runs."""

import http.client
import json
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from stock_ops.kit.layout import Layout
from stock_ops.kit.patience import patient
from stock_ops.local.facts.instance import Memory, read_memory

_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Break:
    """A place where the log was lost before it was in the storage."""

    segment: str
    """The first one that is missing."""
    shipped_at: datetime
    """What was committed before this time is in the storage."""


@dataclass(frozen=True, slots=True)
class PartMemory:
    """status.json in the folder of the backups."""

    storage: str = ""
    """The storage that the log goes to; when it is found empty, it is not the one."""
    shipped_at: datetime | None = None
    """What was committed before this time was in the storage when this was written."""
    broken_at: str | None = None
    """First segment after log that was lost; None: a full backup was made since."""
    breaks: tuple[Break, ...] = ()
    prune_wanted: bool = False
    """A backup was made, and old ones were not deleted since."""
    written: tuple[tuple[str, str], ...] = ()
    """The objects that were written last, each with the SHA-256 of what it holds; noted before."""
    newest: str = ""
    """The newest backup that was ever seen whole, in the storage `newest_in`."""
    newest_in: str = ""
    copies: tuple[str, ...] = ()
    """Places that copies were shipped to; one that is found empty is not the one."""
    is_whole: bool = False
    """When it ended, the storage had all the log that the server had written."""


def read_part_memory(layout: Layout) -> PartMemory:
    """The last state written; empty where that makes no sense, for all of it can be found out again."""
    try:
        return _memory(json.loads(layout.backup_state.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return PartMemory()


def dump_part_memory(memory: PartMemory) -> str:
    """The text of status.json."""
    return json.dumps(asdict(memory), indent=1, default=datetime.isoformat) + "\n"


def _memory(body: dict[str, Any]) -> PartMemory:
    shipped, broken = body["shipped_at"], body["broken_at"]
    return PartMemory(
        storage=str(body["storage"]),
        shipped_at=datetime.fromisoformat(shipped) if shipped else None,
        broken_at=str(broken) if broken else None,
        breaks=tuple(
            Break(str(one["segment"]), datetime.fromisoformat(one["shipped_at"])) for one in body["breaks"]
        ),
        prune_wanted=bool(body["prune_wanted"]),
        written=tuple((str(name), str(digest)) for name, digest in body.get("written", ())),
        newest=str(body.get("newest", "")),
        newest_in=str(body.get("newest_in", "")),
        copies=tuple(map(str, body.get("copies", ()))),
        is_whole=bool(body.get("is_whole")),
    )


def ask_part(layout: Layout) -> dict[str, Any] | None:
    """The account that the part `backup` gives of itself; None when it does not run."""
    memory = read_memory(layout)
    if not isinstance(memory, Memory) or "backup" not in memory.ports:
        return None
    host, port = memory.host("backup"), memory.ports["backup"]
    try:
        with closing(http.client.HTTPConnection(host, port, timeout=patient(_TIMEOUT_S))) as connection:
            connection.request("GET", "/status")
            found: dict[str, Any] = json.loads(connection.getresponse().read())
            return found
    except (OSError, ValueError, http.client.HTTPException):
        return None
