"""Whether a logical dump is whole: opened to its last byte, and read by the program that would load it."""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

from stock_ops.errors import DamagedBackupError
from stock_ops.facts.creation import Tools
from stock_ops.plans.settings import leashed
from stock_ops.repository.envelope import Sealed, fetch
from stock_ops.repository.manifest import Manifest
from stock_ops.repository.objects import dump_of
from stock_ops.repository.storage import Storage
from stock_ops.runners.commands import environment, last_words
from stock_ops.runners.drills.journal import Found

_TODO = (
    "Use the backup itself, which does not need its dump, and make a new one: stockops backup create --full"
)


def check_dump(storage: Storage, backup: Manifest, identity: str, tools: Tools) -> Found:
    """Read the dump of a backup. Raises DamagedBackupError naming it, WrongKeyError, StorageError."""
    name, part = dump_of(backup.id), backup.part("dump")
    sealed = _read(storage, name, identity, tools)
    if part is None or sealed.plain_sha256 != part.plain_sha256:
        raise DamagedBackupError(f"{name} in {storage.where} is not the dump that was made.", _TODO)
    return Found(f"pg_restore reads all of {name}", {"bytes": sealed.plain_bytes})


def _read(storage: Storage, name: str, identity: str, tools: Tools) -> Sealed:
    command: list[str | Path] = [tools.folder / "pg_restore", "--file=/dev/null"]
    line = leashed(tools.programs.python, tools.programs.leash, "KILL", tools.account, command, os.getpid())
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=errors, stderr=errors, cwd="/", env=environment()
        )
        try:
            sealed = _feed(storage, name, identity, cast("BinaryIO", process.stdin))
            code = process.wait()
        finally:
            process.kill()
            process.wait()
        errors.seek(0)
        words = last_words(errors.read().decode("utf-8", "replace"))
    if sealed is None or code != 0:
        raise DamagedBackupError(f"{name} in {storage.where} cannot be read by pg_restore: {words}", _TODO)
    return sealed


def _feed(storage: Storage, name: str, identity: str, sink: BinaryIO) -> Sealed | None:
    """None when the program wanted no more of it."""
    try:
        with sink:
            return fetch(storage, name, sink, identity)
    except BrokenPipeError:
        return None
