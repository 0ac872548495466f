"""After a restore the platform starts as after any stop, and the archive goes on where it branched off."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.contract.ops.storage.s3_server import S3Server
from tests.integration.ops.archived import wait_until_shipped
from tests.integration.ops.backed_up import ADD, LEDGER, BackedUp, connect_cache, made, read_ledger, verb
from tests.integration.ops.conftest import Maker
from tests.integration.ops.instance import Instance


@pytest.fixture
def server(base: Path) -> Iterator[S3Server]:
    server = S3Server(base)
    yield server
    server.stop()


@pytest.fixture
def instance(make: Maker, server: S3Server) -> Instance:
    """An instance that keeps its backups in a bucket."""
    instance = make(stub=True)
    instance.layout.config.mkdir(parents=True)
    instance.data.chmod(0o711)
    instance.layout.backup_settings.write_text(
        f'storage = "s3://backups/one"\ns3_endpoint = "{server.bucket.endpoint}"\n'
    )
    keys = {name: getattr(server.bucket, name) for name in ("access_key_id", "secret_access_key")}
    instance.layout.backup_credentials.touch(0o600)
    instance.layout.backup_credentials.write_text(
        "".join(f'{name} = "{key}"\n' for name, key in keys.items())
    )
    return instance


@pytest.mark.timeout(600)
def test_a_restore_to_a_time_one_along_its_timeline_and_one_that_takes_both_back(instance: Instance) -> None:
    instance.up()
    instance.sql(LEDGER)
    instance.sql(ADD.format(400))
    cache = connect_cache(instance)
    cache.xadd("events", {"symbol": "A"}, id="1-1")
    cache.set("0123456789abcdef0123456789abcdef", "a ready answer, to be stale soon")
    first = made(verb(instance, "backup", "create"))
    instance.sql(ADD.format(100))
    rows, time = read_ledger(instance), instance.sql("SELECT clock_timestamp()")
    instance.sql("DELETE FROM ledger")
    instance.sql(ADD.format(7))
    left, later = read_ledger(instance), instance.sql("SELECT clock_timestamp()")
    wait_until_shipped(instance)
    error = instance.refused("restore", "--yes")
    assert error["kind"] == "LiveDataError"
    assert "stockops down" in error["todo"]
    planned = instance.run("restore", "--dry-run", "--time", time)
    assert planned.code == 0, planned.out + planned.err
    assert "Before that" in planned.out
    assert first in planned.out
    instance.down()

    told = instance.run("restore", "--yes", "--time", time)
    assert told.code == 0, told.out + told.err
    assert f"restore --timeline 1 --data {instance.data}\n" in told.out
    instance.up()
    assert instance.status()["state"] == "running"
    assert read_ledger(instance) == rows
    assert instance.sql("SELECT timeline_id FROM pg_control_checkpoint()") == "2"
    assert instance.sql("SELECT slot_name FROM pg_replication_slots") == "stock_backup"
    assert connect_cache(instance).keys() == [b"events"]

    instance.sql(ADD.format(50))
    second = verb(instance, "backup", "create")
    assert (second["kind"], second["parent"]) == ("full", None)
    instance.sql(ADD.format(25))
    rows = read_ledger(instance)
    instance.down()
    told = instance.run("restore", "--yes", "--json", "--backup", first, "--latest")
    assert told.code == 0, told.out + told.err
    assert (told.json["timeline"], told.json["back"]) == (2, None)
    assert BackedUp(instance).rows(instance.layout.postgresql) == rows
    assert len(verb(instance, "kept", "list")["kept"]) == 2

    error = instance.refused("restore", "--yes", "--time", later)
    assert error["kind"] == "OutOfReachError"
    assert "the restore that began it left timeline 1" in error["why"]
    assert f"stockops restore --data {instance.data} --timeline 1 --time" in error["todo"]
    source = ("--storage", "s3://backups/one", "--key-file", str(BackedUp(instance).key))
    told = instance.run("restore", "--yes", "--json", "--timeline", "1", *source)
    assert told.code == 0, told.out + told.err
    words = ("stockops", "restore", "--timeline", "2", *source, "--data", str(instance.data))
    assert (told.json["timeline"], told.json["back"]) == (1, " ".join(words))
    back = BackedUp(instance)
    assert back.rows(instance.layout.postgresql) == left
    assert back.ask(instance.layout.postgresql, timeline_of) == 3


async def timeline_of(connect: Callable[[], Awaitable[asyncpg.Connection]]) -> int:
    connection = await connect()
    try:
        return int(await connection.fetchval("SELECT timeline_id FROM pg_control_checkpoint()"))
    finally:
        await connection.close()
