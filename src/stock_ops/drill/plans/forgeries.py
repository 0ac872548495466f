"""What somebody does to a storage who can write there and has the public key. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from stock_ops.drill.plans.damages import Damage, Lost, Planted, Replayed, Rewritten, Several
from stock_ops.restore.plans.recovery import Choice
from stock_ops.storage.facts.archive import Archive
from stock_ops.storage.ledger import Ledger
from stock_ops.storage.manifest import Manifest, StoredPart, dump_manifest
from stock_ops.storage.marks import NamedMark, dump_mark, mark_object
from stock_ops.storage.objects import (
    base_of,
    history_object,
    ledger_object,
    manifest_of,
    segment_object,
)
from stock_ops.storage.wal import SEGMENT_BYTES

_MARK = "forged-by-a-drill"


@dataclass(frozen=True, slots=True)
class Forgery:
    """One of them, and what the error must name."""

    name: str
    label: str
    title: str
    named: str
    damage: Damage
    in_log: bool = False
    """Found when the log is read; the others before anything is fetched."""


def forgeries(
    archive: Archive, choice: Choice, ledger: Ledger, forged_base: bytes, *, remembered: bool
) -> Iterator[Forgery]:
    """Every forgery that there is something for in an authenticated storage.

    forged_base: an archive. remembered: this machine remembers the newest entry of the ledger.
    """
    backup = choice.backup
    manifest, base = manifest_of(backup.id), base_of(backup.id)
    yield Forgery(
        "forge_manifest",
        "Manifest forged",
        "The manifest of a backup, written by somebody else",
        backup.id,
        Rewritten(manifest, dump_manifest(backup)),
    )
    yield Forgery(
        "forge_base",
        "Base forged",
        "A base backup with a recovery_end_command, sealed by the public key, and a manifest that fits it",
        backup.id,
        Several((Planted(base, forged_base), Rewritten(manifest, dump_manifest(_with_any_base(backup))))),
    )
    yield Forgery(
        "replay_manifest",
        "Manifest replayed",
        "An older manifest of a backup, which carried a tag that fits",
        backup.id,
        Replayed(manifest, dump_manifest(replace(backup, schema_version=backup.schema_version - 1))),
    )
    yield Forgery(
        "lose_manifest", "Manifest missing", "The manifest of a backup is missing", backup.id, Lost(manifest)
    )
    mark = mark_object(_MARK)
    yield Forgery(
        "add_mark",
        "Mark added",
        "A mark that nobody set",
        mark,
        Rewritten(mark, dump_mark(NamedMark(_MARK, backup.mark.lsn, backup.timeline, backup.mark.at))),
    )
    yield from _of_log(archive, choice, ledger)
    if remembered:
        entry = ledger_object(ledger.entry.number)
        yield Forgery(
            "put_back",
            "Storage put back",
            "The newest entry of the ledger is missing, as in an older state of the storage",
            entry,
            Lost(entry),
        )


def _of_log(archive: Archive, choice: Choice, ledger: Ledger) -> Iterator[Forgery]:
    held = choice.wal[0]
    segment = segment_object(held.name, partial=held.partial)
    yield Forgery(
        "forge_log",
        "Log forged",
        "A segment of the log, sealed by the public key",
        segment,
        Planted(segment, bytes(SEGMENT_BYTES)),
        in_log=True,
    )
    timeline = archive.timeline + 1
    text = f"{timeline - 1}\t{choice.backup.mark.lsn}\tforged\n".encode()
    yield Forgery(
        "add_timeline",
        "Timeline added",
        "The history of a timeline that no restore began",
        f"timeline {timeline}",
        Planted(history_object(f"{timeline:08X}.history"), text),
    )
    if ledger.entry.segment in archive.whole:
        yield Forgery(
            "lose_end",
            "Log cut off",
            "The newest segment of the log is missing",
            ledger.entry.segment,
            Lost(segment_object(ledger.entry.segment)),
        )


def _with_any_base(backup: Manifest) -> Manifest:
    def without_blocks(part: StoredPart) -> StoredPart:
        return replace(part, stored_blocks=()) if part.role == "base" else part

    return replace(backup, parts=tuple(map(without_blocks, backup.parts)))
