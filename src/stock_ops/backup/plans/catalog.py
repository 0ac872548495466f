"""The backups of a storage, as people and programs read them. Pure."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from stock_ops.kit.errors import NoBackupError, OutOfReachError, megabytes
from stock_ops.kit.words import duration
from stock_ops.storage.facts.archive import Archive
from stock_ops.storage.facts.contents import Contents
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.objects import moment_of
from stock_ops.storage.plans import judge
from stock_ops.storage.timelines import way_to
from stock_ops.storage.verification import Verification

COLUMNS = ("Backup", "Mark (UTC)", "Size", "Rows", "Verified (UTC)", "State")
"""As wide as 80 columns allow; `backup show` tells more."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One backup: its manifest if that can be read, and its flaw if it has one."""

    id: str
    manifest: Manifest | None
    chain: tuple[Manifest, ...]
    """The backups it is made of, itself included; empty when one of them is missing."""
    verification: Verification | None
    flaw: str | None
    unproven: str | None = None
    """Why nothing proves that this instance made it; None where something does."""


def catalog(contents: Contents) -> tuple[Entry, ...]:
    """Every backup, oldest first, and why one cannot be restored: by names, sizes, last verification."""
    archive = contents.archive
    flaws = dict(archive.damaged)
    for timeline in {backup.timeline for backup in archive.backups}:
        flaws |= {one.id: flaw for one, flaw in judge(archive, way_to(timeline, None)) if flaw}
    flaws = {
        name: f"found on {one.at:%Y-%m-%d}: {one.why}" for name, one in contents.found_damaged.items()
    } | flaws
    known = {backup.id: backup for backup in archive.backups}
    entries = (_entry(name, known, contents, flaws.get(name)) for name in {*known, *archive.damaged})
    return tuple(sorted(entries, key=lambda entry: (_begun(entry), entry.id)))


def find(contents: Contents, backup: str | None) -> Entry:
    """The entry of that backup, or of the newest. Raises NoBackupError, OutOfReachError."""
    entries = catalog(contents)
    if not entries:
        raise NoBackupError(contents.archive.where)
    found = entries[-1] if backup is None else next((one for one in entries if one.id == backup), None)
    if found is None:
        why = f"There is no backup {backup} in {contents.archive.where}."
        raise OutOfReachError(why, "`stockops backup list` names the backups.")
    return found


def doubts(archive: Archive) -> list[tuple[str, str]]:
    """What nothing proves, and what somebody else changed, for people."""
    told = [("Forged", finding) for finding in archive.findings]
    if archive.lost_end:
        told.append(("Missing", archive.lost_end))
    for why in sorted(set(archive.unproven.values())):
        names = [name for name, one in archive.unproven.items() if one == why]
        what = names[0] if len(names) == 1 else f"{len(names)} backups, the newest {max(names)}"
        told.append(("Unproven", f"{what}: {why}"))
    return told


def row(entry: Entry) -> tuple[str, ...]:
    """A line of the list, under COLUMNS."""
    state, backup = "damaged" if entry.flaw else "ok", entry.manifest
    if backup is None:
        return entry.id, "-", "-", "-", "-", state
    return (
        entry.id,
        _mark(backup),
        megabytes(backup.stored_bytes),
        f"{backup.rows:,}",
        f"{entry.verification.at.astimezone(UTC):%Y-%m-%d}, {entry.verification.how}"
        if entry.verification
        else "never",
        state,
    )


def data(entry: Entry) -> dict[str, Any]:
    """A backup for programs."""
    backup, verified = entry.manifest, entry.verification
    told: dict[str, Any] = {"id": entry.id, "flaw": entry.flaw, "unproven": entry.unproven}
    told["verified"] = {"at": verified.at.isoformat(), "how": verified.how} if verified else None
    if backup is None:
        return told
    return told | {
        "kind": backup.kind,
        "parent": backup.parent,
        "chain": [one.id for one in entry.chain],
        "timeline": backup.timeline,
        "mark_at": backup.mark.at.isoformat(),
        "started_at": backup.started_at.isoformat(),
        "finished_at": backup.finished_at.isoformat(),
        "duration_s": backup.duration_s,
        "stored_bytes": backup.stored_bytes,
        "rows": backup.rows,
        "postgresql": backup.postgresql,
        "schema_version": backup.schema_version,
    }


def details(backup: Manifest) -> dict[str, Any]:
    """The rest of a manifest that `data` leaves out, for programs."""
    whole = asdict(backup)
    names = ("system_identifier", "start_lsn", "stop_lsn", "first_segment", "last_segment", "extensions")
    more = ("structure_sha256", "content", "parts", "valkey_keys")
    return {name: whole[name] for name in (*names, *more)} | {
        "mark": backup.mark.name,
        "mark_lsn": backup.mark.lsn,
    }


def lines(entry: Entry) -> list[tuple[str, str]]:
    """One backup for people, name and value on each line."""
    backup, verified = entry.manifest, entry.verification
    state = f"damaged: {entry.flaw}" if entry.flaw else "ok"
    if backup is None:
        return [("Backup", entry.id), ("State", state)]
    seconds = (backup.finished_at - backup.started_at).total_seconds()
    mark, files = backup.mark, [part for part in backup.parts if part.role != "valkey"]
    return [
        ("Backup", entry.id),
        ("State", state),
        ("Proof", f"none: {entry.unproven}" if entry.unproven else "made by this instance"),
        ("Verified", f"{_told(verified.at)} UTC, {verified.how}" if verified else "never"),
        ("Chain", " <- ".join(one.id for one in entry.chain) or f"incomplete, on top of {backup.parent}"),
        ("Mark", f"{_told(mark.at)} UTC, {mark.name} at {mark.lsn}, timeline {backup.timeline}"),
        ("Log", f"{backup.first_segment} to {backup.last_segment}, from {backup.start_lsn}"),
        ("Took", f"{duration(seconds)}, of which {backup.duration_s:.1f} s for the base backup"),
        ("PostgreSQL", f"{backup.postgresql}, schema {backup.schema_version}, {_extensions(backup)}"),
        *((part.role.capitalize(), _size(part.stored_bytes, part.plain_bytes)) for part in files),
        ("Valkey", f"{backup.valkey_keys} keys" if backup.part("valkey") else "nothing: it did not answer"),
        ("Rows", f"{backup.rows:,} in {len(backup.content)} tables"),
    ]


def _entry(name: str, known: dict[str, Manifest], contents: Contents, flaw: str | None) -> Entry:
    backup = known.get(name)
    chain = _chain(backup, known) if backup else ()
    below = next((one.id for one in chain if one.id in contents.found_damaged), None)
    flaw = flaw or (f"{below}, which it builds on, was found damaged" if below else None)
    return Entry(
        name, backup, chain, contents.verifications.get(name), flaw, contents.archive.unproven.get(name)
    )


def _chain(backup: Manifest, known: dict[str, Manifest]) -> tuple[Manifest, ...]:
    chain = [backup]
    while (parent := chain[0].parent) is not None:
        if parent not in known:
            return ()
        chain.insert(0, known[parent])
    return tuple(chain)


def _begun(entry: Entry) -> datetime:
    return entry.manifest.started_at if entry.manifest else moment_of(entry.id)


def _extensions(backup: Manifest) -> str:
    return ", ".join(f"{name} {version}" for name, version in backup.extensions.items())


def _size(stored_bytes: int, plain_bytes: int) -> str:
    return f"{megabytes(stored_bytes)} stored, {megabytes(plain_bytes)} plain"


def _mark(backup: Manifest) -> str:
    """The time of the mark; with its day where that is another than the one in the backup's name."""
    at = backup.mark.at.astimezone(UTC)
    return f"{at:%H:%M:%S}" if backup.id.startswith(f"{at:%Y%m%d}") else f"{at:%m-%d %H:%M}"


def _told(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
