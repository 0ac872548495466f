"""The bytes of a forgery: sealed, tagged and listed, as far as its forger could."""

import hashlib
import io
import tarfile
from collections.abc import Iterator
from dataclasses import replace

from stock_ops.drill.plans.damages import Damage, Owned, Plain, Planted, Replayed, Rewritten, Several
from stock_ops.storage.authentic import AuthenticStorage
from stock_ops.storage.envelope import seal
from stock_ops.storage.ledger import dump_entry, read_ledger
from stock_ops.storage.objects import ledger_object, manifest_of

_COMMAND = b"recovery_end_command = 'false'\n"


def forged_base() -> bytes:
    """The archive of a base backup that would run a command."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        member = tarfile.TarInfo("postgresql.auto.conf")
        member.size = len(_COMMAND)
        archive.addfile(member, io.BytesIO(_COMMAND))
    return sink.getvalue()


def plain_damages(storage: AuthenticStorage, damage: Damage, recipient: str) -> Iterator[Plain]:
    """What is to be done to the objects. Raises OpsError when the storage cannot be read."""
    match damage:
        case Several(damages):
            for one in damages:
                yield from plain_damages(storage, one, recipient)
        case Planted(name, plain):
            sink = io.BytesIO()
            seal(io.BytesIO(plain), sink, recipient)
            yield Rewritten(name, sink.getvalue())
        case Replayed(name, text):
            yield Rewritten(name, storage.authority.tag_json(name, text))
        case Owned(backup, text):
            yield from _owned(storage, backup, text)
        case _:
            yield damage


def _owned(storage: AuthenticStorage, backup: str, text: bytes) -> Iterator[Plain]:
    """The manifest, and a ledger that names it."""
    authority, name = storage.authority, manifest_of(backup)
    yield Rewritten(name, authority.tag_json(name, text))
    if ledger := read_ledger(storage):
        entry = ledger.entry
        digests = {**entry.backups, backup: hashlib.sha256(text).hexdigest()}
        listed = replace(entry, number=entry.number + 1, previous=ledger.digest, backups=digests)
        name = ledger_object(listed.number)
        yield Rewritten(name, authority.tag_json(name, dump_entry(listed)))
