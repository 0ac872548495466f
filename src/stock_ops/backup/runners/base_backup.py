"""The files of the running server, from pg_basebackup into the storage; nothing lies on a disk between."""

import time
from dataclasses import dataclass

from stock_ops.backup.facts.creation import CreationFacts
from stock_ops.backup.runners.pipes import Advance, Count, output_of
from stock_ops.kit.errors import PartError
from stock_ops.kit.files import write_whole
from stock_ops.kit.layout import BACKUP_ROLE
from stock_ops.kit.wanted import NewFile
from stock_ops.storage.basetar import BaseTar
from stock_ops.storage.envelope import store
from stock_ops.storage.manifest import Manifest, StoredPart, stored_part
from stock_ops.storage.objects import base_of
from stock_ops.storage.pgmanifest import PgManifest
from stock_ops.storage.tarreader import TarError


@dataclass(frozen=True, slots=True)
class Base:
    """A base backup in the storage."""

    part: StoredPart
    manifest: PgManifest
    duration_s: float


def take_base(facts: CreationFacts, backup: str, parent: Manifest | None, advance: Advance) -> Base:
    """Copy the server's files, or the changes since `parent`, and keep PostgreSQL's manifest of them.

    Each file is compared with that manifest as it passes. Raises PartError, StorageError.
    """
    tar, name, begun = BaseTar(), base_of(backup), time.monotonic()
    watch = (tar.write, Count(advance))
    try:
        with output_of(facts.tools, _command(facts, parent), "The base backup", *watch) as source:
            sealed = store(facts.storage, name, source, facts.recipient)
        manifest = tar.finish()
    except TarError as error:
        raise PartError(
            f"The base backup did not arrive as the server sent it: {error}.",
            "Run this again; if it fails again, check the machine's memory and disks.",
        ) from error
    seconds = time.monotonic() - begun
    write_whole(NewFile(facts.layout.manifests / backup, manifest.text.decode("utf-8"), facts.tools.account))
    return Base(stored_part("base", name, sealed), manifest, seconds)


def _command(facts: CreationFacts, parent: Manifest | None) -> list[str]:
    """Plain tar to standard output, no log in it: the archive has that."""
    command = ["pg_basebackup", "-D", "-", "-Ft", "-X", "none", "-c", "fast", "--no-password"]
    command += ["-h", facts.address.host, "-p", str(facts.address.port), "-U", BACKUP_ROLE]
    return [*command, f"--incremental={facts.layout.manifests / parent.id}"] if parent else command
