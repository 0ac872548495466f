"""A backup holds what the database held at its mark, whoever wrote, and opens without this program."""

import asyncio
import json
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from stock_ops.repository.folder import FolderStorage
from stock_ops.repository.manifest import Manifest, load_manifest
from stock_ops.repository.objects import manifest_of
from stock_ops.repository.storage import Storage, read_bytes
from stock_ops.repository.wal import segments_between
from stock_ops.runners.content import measure_content, measure_structure
from tests.contract.ops.s3_server import BUCKET, S3Server
from tests.integration.ops.backed_up import connect_cache, verb
from tests.integration.ops.by_hand import Hand, give, recovered, run_tool, superuser
from tests.integration.ops.instance import Instance

TABLES = """
CREATE TABLE debit (id bigserial PRIMARY KEY, amount float8 NOT NULL);
CREATE TABLE credit (id bigserial PRIMARY KEY, amount float8 NOT NULL);
CREATE TABLE bulk AS SELECT n AS id, md5(n::text) AS text FROM generate_series(1, 30000) AS n;
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
        return Hand(self.instance, lambda name: _raw(self.storage, name))


def _raw(storage: Storage, name: str) -> bytes:
    with storage.open(name) as source:
        return source.read()


@pytest.fixture(scope="module")
def made() -> Iterator[Made]:
    """In a folder."""
    with _folder() as base:
        instance = Instance(base / "data", stub=True)
        yield _make(instance, FolderStorage(instance.backups))
        instance.remove()


@pytest.fixture(scope="module")
def made_in_bucket() -> Iterator[Made]:
    """In a bucket of an S3 server."""
    with _folder() as base:
        server, instance = S3Server(base), Instance(base / "data", stub=True)
        instance.environment |= {
            "AWS_ACCESS_KEY_ID": server.bucket.access_key_id,
            "AWS_SECRET_ACCESS_KEY": server.bucket.secret_access_key,
        }
        place = f's3_endpoint = "{server.bucket.endpoint}"\nstorage = "s3://{BUCKET}/ours"\n'
        write_settings(instance, place)
        yield _make(instance, server.storage("ours"))
        instance.remove()
        server.stop()


@contextmanager
def _folder() -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix="stockops-made-", dir="/tmp"))
    base.chmod(0o711)
    yield base
    shutil.rmtree(base)


def _make(instance: Instance, storage: Storage) -> Made:
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


# --- what it holds ----------------------------------------------------------------------------------


def test_a_full_backup_opened_by_standard_tools_holds_what_was_measured(made: Made, base: Path) -> None:
    backup = made.full
    cluster = made.hand.unpack(backup.id, base / "cluster")
    content, structure, (debit, credit) = recovered_content(made, cluster, backup)
    assert content == backup.content
    assert structure == backup.structure_sha256
    assert debit == credit > 0
    assert {table.table: table.rows for table in backup.content}["public.debit"] == debit


def test_an_incremental_backup_combined_by_postgresql_holds_what_was_measured(made: Made, base: Path) -> None:
    backup = made.incremental
    assert (backup.kind, backup.parent) == ("incr", made.full.id)
    places = [made.hand.unpack(one.id, base / one.id) for one in (made.full, backup)]
    (base / "built").mkdir()
    give(base / "built")
    run_tool(made.instance, "pg_combinebackup", *places, "-o", base / "built" / "cluster")
    run_tool(made.instance, "pg_verifybackup", "-n", "-q", base / "built" / "cluster")
    content, _, (debit, credit) = recovered_content(made, base / "built" / "cluster", backup)
    assert content == backup.content
    assert debit == credit


def test_a_bucket_holds_the_same(made_in_bucket: Made, base: Path) -> None:
    backup = made_in_bucket.full
    cluster = made_in_bucket.hand.unpack(backup.id, base / "cluster")
    content, _, _ = recovered_content(made_in_bucket, cluster, backup)
    assert content == backup.content
    told = verb(made_in_bucket.instance, "backup", "verify", "--all")
    assert told["whole"] == [backup.id, made_in_bucket.incremental.id]


def test_an_incremental_backup_takes_what_changed_and_no_more(made: Made) -> None:
    full, incremental = (one.part("base") for one in (made.full, made.incremental))
    assert full
    assert incremental
    assert incremental.plain_bytes < full.plain_bytes / 2


def test_the_dump_is_of_the_same_moment(made: Made, base: Path) -> None:
    path = base / "dump"
    path.write_bytes(made.hand.open(f"backups/{made.full.id}/dump.pgdump.zst.age"))
    program = made.instance.psql().with_name("pg_restore")
    text = subprocess.run([program, "-f", "-", path], check=True, capture_output=True, text=True).stdout
    rows = {table.table: table.rows for table in made.full.content}
    for table in ("debit", "credit", "bulk"):
        copied = text.partition(f"COPY public.{table} (")[2].partition("\n\\.\n")[0]
        assert copied.count("\n") == rows[f"public.{table}"]
    assert made.incremental.part("dump") is None


def test_the_streams_and_their_positions_are_kept_and_the_cache_is_not(made: Made) -> None:
    state = json.loads(made.hand.open(f"backups/{made.full.id}/valkey.json.zst.age"))
    assert made.full.valkey_keys == 1
    (stream,) = state["keys"]
    assert stream["key"] == "events"
    assert [entry for entry, _ in stream["value"]["entries"]] == ["1-0", "2-0", "3-0"]
    (group,) = stream["value"]["groups"]
    assert group == {
        "name": "readers",
        "last_delivered_id": "2-0",
        "pending": [{"id": "2-0", "consumer": "one", "deliveries": 1}],
    }


def test_nothing_in_the_storage_is_readable_without_the_key(made: Made) -> None:
    names = [one.name for one in made.storage.list()]
    assert names
    for name in names:
        data = _raw(made.storage, name)
        if name.endswith(".zst.age"):
            assert data.startswith(b"age-encryption.org/v1\n-> X25519 ")
            assert b"public.debit" not in data
        else:
            assert name.rpartition("/")[2] in (
                "repository.json",
                "manifest.json",
                "verified.json",
                "fit.json",
            )


def test_writers_were_held_off_for_a_moment_only(made: Made) -> None:
    assert made.told["held_off_s"] < 5  # milliseconds, but the machine may have other work


# --- what is told -----------------------------------------------------------------------------------


def test_the_list_shows_what_is_there(made: Made) -> None:
    told = verb(made.instance, "backup", "list")
    assert [one["id"] for one in told["backups"]] == [made.full.id, made.incremental.id]
    assert [one["chain"] for one in told["backups"]] == [[made.full.id], [made.full.id, made.incremental.id]]
    assert {one["flaw"] for one in told["backups"]} == {None}
    assert told["backups"][0]["rows"] == made.full.rows
    assert f"{made.full.rows:,}" in console(made.instance, "backup", "list").stdout


def test_one_backup_is_shown_with_its_tables(made: Made) -> None:
    told = verb(made.instance, "backup", "show", made.full.id)
    assert {one["table"] for one in told["content"]} >= {"public.debit", "public.bulk"}
    assert verb(made.instance, "backup", "show")["id"] == made.incremental.id


def test_a_dry_run_says_what_would_be_done_and_does_nothing(made: Made) -> None:
    before = [one.name for one in made.storage.list("backups/")]
    told = verb(made.instance, "backup", "create", "--dry-run")
    titles = [step["title"] for step in told["steps"]]
    assert titles[0] == "Storage"
    assert titles[-1] == "Manifest"
    assert "Base backup" in titles
    assert [one.name for one in made.storage.list("backups/")] == before


def test_what_comes_next_is_told_with_the_reason(made: Made) -> None:
    told = verb(made.instance, "backup", "schedule")
    backup, drill = told["due"]
    assert backup["what"] == "incremental backup"
    assert made.incremental.id in backup["why"]
    assert drill["what"] == "drill"
    assert told["runs"] is True
