"""The log of an instance as its storage holds it, and as its server does."""

import hashlib
import io
from contextlib import suppress

from stock_ops.archive.facts.state import ArchiveState, observe_archive
from stock_ops.kit.backup_settings import read_backup_settings
from stock_ops.local.facts.part import ask_part
from stock_ops.storage.envelope import unseal
from stock_ops.storage.folder import FolderStorage
from stock_ops.storage.keys import read_identity
from stock_ops.storage.objects import WAL, segment_of
from stock_ops.storage.storage import MissingObjectError, Storage
from stock_ops.storage.wal import parse_lsn, runs
from tests.integration.ops.instance import Instance, wait_for

PATIENCE_S = 120.0
"""The machine may have other work; what is promised in seconds is measured by the benchmark."""


def storage(instance: Instance) -> FolderStorage:
    """The folder of the backups."""
    return FolderStorage(instance.backups)


def state_of_archive(instance: Instance) -> ArchiveState:
    """The archive, as the part sees it; without a part, nothing is known."""
    return observe_archive(instance.layout) or ArchiveState()


def warnings(instance: Instance) -> set[str]:
    """Kinds of what needs somebody; none while nobody tells."""
    found = ask_part(instance.layout)
    return {one["kind"] for one in found["warnings"]} if found else set()


def wait_until_shipped(instance: Instance) -> None:
    """Wait until what the server has written up to now is in the storage, as the part says."""
    written = int(instance.sql("SELECT pg_current_wal_flush_lsn() - '0/0'"))

    def is_there() -> bool:
        shipped = state_of_archive(instance).shipped_lsn
        return shipped is not None and parse_lsn(shipped) >= written

    wait_for(is_there, "the log is in the storage", PATIENCE_S)


def shipped_names(instance: Instance, *, partial: bool = False) -> list[str]:
    """Names of the segments in the storage."""
    found = (segment_of(one.name) for one in storage(instance).list(WAL))
    return sorted(one[0] for one in found if one and one[1] == partial)


def read_shipped(instance: Instance, held: Storage | None = None) -> dict[str, bytes]:
    """The content of every segment in the storage, the partial one too."""
    found = _read_at_once(instance, held or storage(instance))
    return {name: content for (name, _), content in sorted(found.items(), reverse=True)}  # a whole one counts


def _read_at_once(instance: Instance, held: Storage) -> dict[tuple[str, bool], bytes]:
    """Segments, and whether each is partial; read again when some came or went meanwhile."""
    settings = read_backup_settings(instance.layout, {"XDG_CONFIG_HOME": f"{instance.settings}"})
    key, found = read_identity(settings.key_file), dict[tuple[str, bool], bytes]()

    def read() -> bool:
        names = {one.name for one in held.list(WAL)}
        found.clear()
        for name in names:
            if named := segment_of(name):
                content = io.BytesIO()
                try:
                    with held.open(name) as source:
                        unseal(source, content, key)
                except MissingObjectError:
                    return False
                found[named] = content.getvalue()
        return names == {one.name for one in held.list(WAL)}

    wait_for(read, "the storage rests", PATIENCE_S)
    return found


def is_shipped(instance: Instance, text: str, held: Storage | None = None) -> bool:
    """Whether a text that was written to a table is in the storage."""
    return any(text.encode() in content for content in read_shipped(instance, held).values())


def assert_whole(instance: Instance) -> None:
    """What is in the storage has no gap, and is what the server wrote as far as it still has it."""
    content = {
        name: held
        for (name, partial), held in _read_at_once(instance, storage(instance)).items()
        if not partial
    }
    shipped = sorted(content)
    assert len(runs(shipped)) == 1, shipped
    wrote = instance.layout.postgresql / "pg_wal"
    compared = 0
    for name in shipped:
        with suppress(FileNotFoundError):  # the server needs it no more
            theirs = hashlib.sha256((wrote / name).read_bytes()).hexdigest()
            assert hashlib.sha256(content[name]).hexdigest() == theirs, name
            compared += 1
    assert compared


def make_tables(instance: Instance) -> None:
    """A table to write to."""
    instance.sql("CREATE TABLE ledger (number serial PRIMARY KEY, text text)")


_INSERT = """
WITH new AS (INSERT INTO ledger (text) VALUES ('{text}') RETURNING text)
SELECT pg_logical_emit_message(true, 'ledger', text) FROM new
"""
"""The row alone may be in the log as an image of its page only, compressed."""


def write_row(instance: Instance, text: str) -> None:
    """A row that is acknowledged when this returns."""
    instance.sql(_INSERT.format(text=text))


def write_segments(instance: Instance, count: int) -> None:
    """Have the server end so many segments."""
    for number in range(count):
        write_row(instance, f"segment-{number}")
        instance.sql("SELECT pg_switch_wal()")
