"""The logical dump: pg_dump in its custom format, which this PostgreSQL and every later one reads."""

from stock_ops.backup.facts.creation import CreationFacts
from stock_ops.backup.runners.pipes import Advance, Count, output_of
from stock_ops.kit.layout import BACKUP_ROLE, DATABASE
from stock_ops.storage.envelope import store
from stock_ops.storage.manifest import StoredPart, stored_part
from stock_ops.storage.objects import dump_of


def take_dump(facts: CreationFacts, backup: str, snapshot: str, advance: Advance) -> StoredPart:
    """Dump the snapshot. Raises PartError, StorageError."""
    name = dump_of(backup)
    command = ["pg_dump", "-Fc", "--compress=none", f"--snapshot={snapshot}", "--no-password"]
    command += ["-h", facts.address.host, "-p", str(facts.address.port), "-U", BACKUP_ROLE, "-d", DATABASE]
    with output_of(facts.tools, command, "The dump", Count(advance)) as source:
        return stored_part("dump", name, store(facts.storage, name, source, facts.recipient))
