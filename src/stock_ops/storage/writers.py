"""Who writes to a storage: entries with growing epochs, each written once; the newest one counts."""

import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime

from stock_ops.kit.errors import OpsError
from stock_ops.storage.storage import MissingObjectError, Storage, read_bytes

WRITERS = "writers/"
FORMAT = 1

_ENTRY = re.compile(rf"{WRITERS}(\d{{10}})\.json")


@dataclass(frozen=True, slots=True)
class Writer:
    """writers/EPOCH.json: that an instance took the storage, or went on to hold it."""

    epoch: int
    instance: str
    """Drawn at the first start of a data folder."""
    session: str
    """Drawn for this entry: a copy of the folder that was made before does not know it."""
    machine: str
    """The host's name, for people."""
    folder: str
    at: datetime

    def __str__(self) -> str:
        return f"{self.folder} on {self.machine} (instance {self.instance[:8]})"


class TwoWritersError(OpsError):
    """Another instance writes to the storage; nothing of this one goes there until somebody decides."""


def writer_object(epoch: int) -> str:
    """The object of an entry."""
    return f"{WRITERS}{epoch:010d}.json"


def read_writers(storage: Storage) -> tuple[Writer, ...]:
    """The entries that are there, oldest first. Raises TwoWritersError for one that makes no sense."""
    found = []
    for one in storage.list(WRITERS):
        if _ENTRY.fullmatch(one.name):
            try:
                found.append(_load(read_bytes(storage, one.name)))
            except MissingObjectError:
                continue
            except (ValueError, KeyError, TypeError) as error:
                raise TwoWritersError(
                    f"{one.name} in {storage.where} does not say who writes there ({error}).",
                    "Look at who wrote it; to go on from here: stockops backup writer take-over",
                ) from error
    return tuple(sorted(found, key=lambda writer: writer.epoch))


def newest_writer(storage: Storage) -> Writer | None:
    """Who holds the storage; None: nobody has taken it yet."""
    return next(reversed(read_writers(storage)), None)


def dump_writer(writer: Writer) -> bytes:
    """The text of an entry."""
    body = {"format": FORMAT, **asdict(writer), "at": writer.at.isoformat()}
    return json.dumps(body, indent=1).encode() + b"\n"


def _load(data: bytes) -> Writer:
    body = json.loads(data)
    if body.pop("format") != FORMAT:
        raise ValueError("it is of a later release")
    return Writer(**{**body, "epoch": int(body["epoch"]), "at": datetime.fromisoformat(body["at"])})
