"""The ledger of a storage: entries with growing numbers, each naming its predecessor and all that is there.

An entry is written once: after a backup or a mark, and before a prune. So an object that is missing, added,
or of an older state is found, also where it carries a tag. Invariant: an entry is written before what it
retires is deleted, and after what it adds is there; what is cut off in between, the next one adds or deletes.
"""

import hashlib
import json
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from stock_ops.storage.authority import Authority, ForgedObjectError
from stock_ops.storage.marks import MARKS
from stock_ops.storage.objects import (
    BACKUPS,
    LEDGER,
    WAL,
    backup_of,
    ledger_object,
    manifest_of,
    segment_object,
    segment_of,
)
from stock_ops.storage.storage import (
    ExistingObjectError,
    MissingObjectError,
    Storage,
    StorageError,
    read_bytes,
    write_once,
)

FORMAT = 1
KEPT = 30
"""So many entries stay."""

_ENTRY = re.compile(rf"{LEDGER}(\d{{10}})\.json")
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """ledger/NUMBER.json."""

    number: int
    at: datetime
    previous: str
    """SHA-256 of the entry before; empty for the first one."""
    backups: Mapping[str, str]
    """SHA-256 of the manifest of each backup, by its id."""
    marks: Mapping[str, str]
    """SHA-256 of each mark's object, by the object's name."""
    segment: str
    """The newest whole segment of the newest timeline; empty where there is none. No prune deletes it."""
    retired: frozenset[str]
    """Backups that a prune has deleted: what remains of them, or comes again, counts as none."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Its newest entry, as it is stored."""

    entry: Entry
    digest: str


def read_ledger(storage: Storage) -> Ledger | None:
    """The newest entry; None where nothing can be checked, or nothing was written yet.

    Raises ForgedObjectError when entries are missing, or older than what this machine remembers.
    """
    authority = storage.authority
    if authority is None or not authority.checks:
        return None
    numbers = _numbers(storage)
    newest = _read_chain(storage, authority, numbers[-KEPT:])
    _refuse_older(authority, newest)
    authority.ledger = newest.entry.number if newest else 0
    return newest


def find_flaws(ledger: Ledger | None, manifests: Mapping[str, str]) -> dict[str, str]:
    """What contradicts the ledger, by the id of each backup.

    manifests: the SHA-256 of each manifest that is there. One that the ledger does not know yet is no flaw:
    it carries a tag, so the backup was made, and cut off before its entry was written.
    """
    if ledger is None:
        return {}
    known, flaws = ledger.entry.backups, {}
    for backup, digest in known.items():
        if backup not in manifests:
            flaws[backup] = "its manifest is missing, and no prune of this instance has deleted it"
        elif manifests[backup] != digest:
            flaws[backup] = "its manifest is not the one that the ledger of the storage names"
    return flaws


def find_lost_marks(ledger: Ledger | None, names: Container[str]) -> list[str]:
    """The marks of the ledger that are not among the names of the objects, in words."""
    marks = sorted(ledger.entry.marks) if ledger else []
    return [
        f"{name} is missing, and no prune of this instance has deleted it"
        for name in marks
        if name not in names
    ]


def find_lost_end(ledger: Ledger | None, names: Container[str]) -> str:
    """Why the log ends too early; empty: it does not, as far as the ledger knows."""
    entry = ledger.entry if ledger else None
    if entry is None or not entry.segment or segment_object(entry.segment) in names:
        return ""
    return f"{entry.segment}, which was there on {entry.at:%Y-%m-%d %H:%M:%S} UTC"


def add_entry(storage: Storage, *, retire: Iterable[str] = ()) -> Ledger | None:
    """Write the next entry: the present backups and marks, without those to be retired.

    None where the objects of the storage carry no tags. Raises ForgedObjectError, StorageError.
    """
    for _ in range(_TRIES):
        before = read_ledger(storage)
        if storage.authority is None or not storage.authority.checks:
            return None
        entry = _next(storage, before, frozenset(retire))
        text = dump_entry(entry)
        try:
            write_once(storage, ledger_object(entry.number), text)
        except ExistingObjectError:
            continue
        for number in _numbers(storage)[:-KEPT]:
            storage.delete(ledger_object(number))
        storage.authority.ledger = entry.number
        return Ledger(entry, _digest(text))
    raise StorageError(
        f"{storage.where} does not keep the ledger of its backups.",
        "See that no two instances write there (stockops runbook two-writers), and try again.",
    )


def _next(storage: Storage, before: Ledger | None, retire: frozenset[str]) -> Entry:
    names = [one.name for prefix in (BACKUPS, MARKS) for one in storage.list(prefix)]
    ids = {backup for name in names if (backup := backup_of(name)) and name == manifest_of(backup)}
    known = before.entry if before else None
    retired = retire | (known.retired if known else frozenset())
    kept = dict(known.backups) if known else {}
    new = _digests(storage, (manifest_of(one) for one in sorted(ids - kept.keys() - retired)))
    backups = kept | {str(backup_of(name)): digest for name, digest in new.items()}
    return Entry(
        number=known.number + 1 if known else 1,
        at=datetime.now(UTC),
        previous=before.digest if before else "",
        backups={name: digest for name, digest in backups.items() if name not in retired},
        marks=_digests(storage, sorted(name for name in names if name.startswith(MARKS))),
        segment=_newest_segment(storage),
        retired=retired,
    )


def _newest_segment(storage: Storage) -> str:
    found = (segment_of(one.name) for one in storage.list(WAL))
    return max((segment for segment, partial in filter(None, found) if not partial), default="")


def _digests(storage: Storage, names: Iterable[str]) -> dict[str, str]:
    """Of the objects that are what they should be; one that is forged is not taken up."""
    found = {}
    for name in names:
        try:
            found[name] = _digest(read_bytes(storage, name))
        except (MissingObjectError, ForgedObjectError):
            continue
    return found


def _numbers(storage: Storage) -> list[int]:
    return sorted(int(found[1]) for one in storage.list(LEDGER) if (found := _ENTRY.fullmatch(one.name)))


def _read_chain(storage: Storage, authority: Authority, numbers: list[int]) -> Ledger | None:
    newest: Ledger | None = None
    for number in numbers:
        name = ledger_object(number)
        try:
            text = read_bytes(storage, name)
        except MissingObjectError:
            raise authority.forged(name, "it is missing") from None
        entry = _load(text)
        if newest and (number != newest.entry.number + 1 or entry.previous != newest.digest):
            raise authority.forged(name, f"it does not follow on entry {newest.entry.number} of the ledger")
        newest = Ledger(entry, _digest(text))
        if authority.known and authority.known.ledger == number and authority.known.digest != newest.digest:
            raise authority.forged(name, "this machine remembers another entry of that number")
    return newest


def _refuse_older(authority: Authority, newest: Ledger | None) -> None:
    known, number = authority.known, newest.entry.number if newest else 0
    if known and known.ledger > number:
        raise authority.forged(
            ledger_object(known.ledger),
            f"the ledger there ends with entry {number}, and this machine has seen entry {known.ledger}. "
            "The storage was put back to an older state, or its newest objects were deleted",
        )


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def dump_entry(entry: Entry) -> bytes:
    """The text of an entry."""
    body = {
        "format": FORMAT,
        "number": entry.number,
        "at": entry.at.isoformat(),
        "previous": entry.previous,
        "backups": dict(entry.backups),
        "marks": dict(entry.marks),
        "segment": entry.segment,
        "retired": sorted(entry.retired),
    }
    return json.dumps(body, indent=1).encode() + b"\n"


def _load(text: bytes) -> Entry:
    """Of an entry that was checked: it is as it was written."""
    body = json.loads(text)
    return Entry(
        number=int(body["number"]),
        at=datetime.fromisoformat(body["at"]),
        previous=str(body["previous"]),
        backups=dict(body["backups"]),
        marks=dict(body["marks"]),
        segment=str(body["segment"]),
        retired=frozenset(body["retired"]),
    )
