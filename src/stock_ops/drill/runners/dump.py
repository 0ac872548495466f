"""Whether a logical dump is whole: read to its last byte, or loaded, by the program that is made for it."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import asyncpg

from stock_ops.backup.facts.creation import Tools
from stock_ops.drill.plans.loading import after_load, before_load
from stock_ops.drill.runners.ground import Ground
from stock_ops.drill.runners.journal import Found
from stock_ops.kit.commands import environment
from stock_ops.kit.driver import DRIVER_ERRORS
from stock_ops.kit.errors import DamagedBackupError, DiskFullError, PartError
from stock_ops.kit.layout import DATABASE
from stock_ops.kit.leashing import leashed
from stock_ops.kit.secret_names import SUPERUSER
from stock_ops.kit.words import last_words
from stock_ops.restore.plans.comparison import differences
from stock_ops.restore.runners.rebuild import measure
from stock_ops.restore.runners.scratch import PORT, ScratchServer
from stock_ops.storage.manifest import Manifest, StoredPart
from stock_ops.storage.objects import dump_of
from stock_ops.storage.parts import fetch_part
from stock_ops.storage.storage import Storage

_LOADED = "loaded_dump"
"""The database that takes it."""
_ROOM = 3
"""Bytes on the disk for each byte of a dump: rows, indexes, and the log of writing both."""
_TODO = (
    "Use the backup itself, which does not need its dump, and make a new one: stockops backup create --full"
)


def read_dump(storage: Storage, backup: Manifest, identity: str, tools: Tools) -> None:
    """Read the dump of a backup. Raises DamagedBackupError naming it, WrongKeyError, StorageError."""
    _feed_all(storage, backup, identity, tools, ["--file=/dev/null"])


def load_dump(ground: Ground, backup: Manifest, server: ScratchServer) -> Found:
    """Load the dump of a backup into a new database, and compare every table with the manifest.

    Raises DamagedBackupError naming the dump, DiskFullError, PartError, WrongKeyError, StorageError.
    """
    part, free = backup.part("dump"), shutil.disk_usage(ground.folder).free
    if part and free < _ROOM * part.plain_bytes:
        raise DiskFullError(ground.folder, free, _ROOM * part.plain_bytes)
    _run(server, DATABASE, [f"CREATE DATABASE {_LOADED} TEMPLATE template0"])
    _run(server, _LOADED, before_load(backup.extensions))
    target = [f"--host={server.host}", f"--port={PORT}", f"--username={SUPERUSER}", f"--dbname={_LOADED}"]
    options = ["--exit-on-error", "--no-owner", "--no-privileges", *target]
    _feed_all(ground.storage, backup, ground.identity, ground.tools, options)
    _run(server, _LOADED, after_load(backup.extensions))
    measured = asyncio.run(measure(partial(server.connect, database=_LOADED)))
    if flaws := differences(backup, measured):
        raise DamagedBackupError(
            f"{dump_of(backup.id)} holds other data than the manifest says: {'; '.join(flaws[:3])}.", _TODO
        )
    words = f"{dump_of(backup.id)}, loaded by pg_restore: each table is equal to the manifest"
    return Found(words, {"tables": len(measured.content), "rows": measured.rows})


def _run(server: ScratchServer, database: str, statements: Iterable[str]) -> None:
    try:
        asyncio.run(_execute(server, database, statements))
    except (*DRIVER_ERRORS, OSError) as error:
        raise PartError(f"A database for the dump cannot be made: {error}.", _TODO) from error


async def _execute(server: ScratchServer, database: str, statements: Iterable[str]) -> None:
    connection: asyncpg.Connection = await server.connect(database=database)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def _feed_all(
    storage: Storage, backup: Manifest, identity: str, tools: Tools, options: Iterable[str]
) -> None:
    """Give pg_restore the whole dump."""
    name, part = dump_of(backup.id), backup.part("dump")
    command: list[str | Path] = [tools.folder / "pg_restore", "--no-password", *options]
    line = leashed(tools.programs.python, tools.programs.leash, "KILL", tools.account, command, os.getpid())
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=errors, stderr=errors, cwd="/", env=environment()
        )
        try:
            fed = part is not None and _feed(storage, part, identity, cast("BinaryIO", process.stdin))
            code = process.wait()
        finally:
            process.kill()
            process.wait()
        errors.seek(0)
        words = last_words(errors.read().decode("utf-8", "replace"))
    if not fed or code != 0:
        raise DamagedBackupError(f"{name} in {storage.where} cannot be read by pg_restore: {words}", _TODO)


def _feed(storage: Storage, part: StoredPart, identity: str, sink: BinaryIO) -> bool:
    """False when the program wanted no more of it."""
    try:
        with sink:
            fetch_part(storage, part, sink, identity)
    except BrokenPipeError:
        return False
    return True
