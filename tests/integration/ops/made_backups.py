"""Backups that were made while others wrote, and how they are recovered without this program."""

import asyncio
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from stock_ops.backup.runners.content import measure_content, measure_structure
from stock_ops.storage.manifest import Manifest, load_manifest
from stock_ops.storage.objects import manifest_of
from stock_ops.storage.storage import Storage, read_bytes
from stock_ops.storage.wal import segments_between
from tests.integration.ops.backed_up import connect_cache, verb
from tests.integration.ops.by_hand import Hand, recovered, superuser
from tests.integration.ops.instance import Instance

TABLES = """
CREATE TABLE debit (id bigserial PRIMARY KEY, amount float8 NOT NULL);
CREATE TABLE credit (id bigserial PRIMARY KEY, amount float8 NOT NULL);
CREATE TABLE bulk AS SELECT n AS id, md5(n::text) AS text FROM generate_series(1, 30000) AS n;
CREATE TABLE note AS SELECT '{}'::json AS raw;
"""


@dataclass
class Made:
    """An instance, its storage, and the backups that were made of it while others wrote."""

    instance: Instance
    storage: Storage
    full: Manifest
    incremental: Manifest
    told: dict[str, Any]

    @property
    def hand(self) -> Hand:
        """Opens the objects."""
        return Hand(self.instance, lambda name: read_raw(self.storage, name))


def read_raw(storage: Storage, name: str) -> bytes:
    with storage.open(name) as source:
        return source.read()


def make_backups(instance: Instance, storage: Storage) -> Made:
    """A full backup and an incremental one, while others write."""
    instance.up()
    instance.sql(TABLES)
    cache = connect_cache(instance)
    for number in range(1, 4):
        cache.xadd("events", {"bar": str(number)}, id=f"{number}-0")
    cache.xgroup_create("events", "readers", id="0")
    cache.xreadgroup("readers", "one", {"events": ">"}, count=2)
    cache.xack("events", "readers", "1-0")
    cache.set("0" * 32, "a ready answer")
    with writing(instance):
        told = verb(instance, "backup", "create")
        instance.sql("UPDATE bulk SET text = 'changed' WHERE id % 100 = 0")
        later = verb(instance, "backup", "create")
    full, incremental = (
        load_manifest(read_bytes(storage, manifest_of(one["backup"]))) for one in (told, later)
    )
    return Made(instance, storage, full, incremental, told)


def write_settings(instance: Instance, text: str) -> None:
    instance.layout.config.mkdir(parents=True)
    instance.data.chmod(0o711)
    instance.layout.backup_settings.write_text(text)


_PAUSE_S = 0.001
"""Without it, the writers take the processor that the backup gives to whoever wants it."""


@contextmanager
def writing(instance: Instance) -> Iterator[None]:
    """Pairs of rows come, each pair in a transaction of its own, for as long as the context lasts."""
    over, failed = threading.Event(), []

    async def write() -> None:
        connection = await connect(instance)
        while not over.is_set():
            async with connection.transaction():
                await connection.execute("INSERT INTO debit (amount) VALUES (1)")
                await connection.execute("INSERT INTO credit (amount) VALUES (1)")
            await asyncio.sleep(_PAUSE_S)
        await connection.close()

    def work() -> None:
        try:
            asyncio.run(write())
        except (OSError, asyncpg.PostgresError) as error:
            failed.append(error)

    writers = [threading.Thread(target=work) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        yield
    finally:
        over.set()
        for writer in writers:
            writer.join()
    assert not failed


async def connect(instance: Instance) -> asyncpg.Connection:
    port = json.loads(instance.layout.memory.read_text())["ports"]["postgresql"]
    return await asyncpg.connect(
        host="127.0.0.1", port=port, user="postgres", password=superuser(instance), database="stock_analysis"
    )


def console(instance: Instance, *words: str) -> "subprocess.CompletedProcess[str]":
    """A verb as people see it."""
    python, dash, module, _, *rest = instance.command(words[0])
    command = [python, dash, module, *words, *rest]
    return subprocess.run(
        command, capture_output=True, text=True, env=instance.variables(), cwd="/", check=True
    )


def recovered_content(made: Made, cluster: Path, backup: Manifest) -> tuple[Any, str, tuple[int, int]]:
    """Content, structure and the sums of both sides, after recovery by hand to the mark."""
    log = made.hand.fetch_log(
        list(segments_between(backup.first_segment, backup.last_segment)), cluster.with_name("log")
    )
    with recovered(made.instance, cluster, log, backup.mark.name) as connect:

        async def read() -> tuple[Any, str, tuple[int, int]]:
            content = await measure_content(connect)
            connection = await connect()
            pairs = await connection.fetchrow(
                "SELECT (SELECT count(*) FROM debit), (SELECT count(*) FROM credit)"
            )
            structure = await measure_structure(connection)
            await connection.close()
            return content, structure, tuple(pairs)

        return asyncio.run(read())
