"""A copy of the storage: shipped to after the first, never in its way, restored from when that is gone."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stock_ops.backup.plans.catalog import catalog
from stock_ops.backup.plans.copy import plan_copy
from stock_ops.kit.backup_settings import read_backup_settings, settings_of_copy
from stock_ops.local.facts.part import ask_part
from stock_ops.storage.authentic import innermost
from stock_ops.storage.facts.contents import read_contents
from stock_ops.storage.facts.place import open_storage
from stock_ops.storage.objects import segment_of, verification_of
from stock_ops.storage.storage import Storage, read_bytes
from tests.contract.ops.storage.s3_server import BUCKET, S3Server
from tests.integration.ops.archived import PATIENCE_S, storage, warnings
from tests.integration.ops.backed_up import ADD, LEDGER, BackedUp, read_ledger, verb
from tests.integration.ops.instance import Instance, wait_for


@pytest.fixture
def server(base: Path) -> Iterator[S3Server]:
    server = S3Server(base)
    yield server
    server.stop()


@pytest.fixture
def copied(used_stub: Instance, server: S3Server) -> Instance:
    """A running instance with a copy of its storage in a bucket, with keys of its own."""
    return up_with_copy(used_stub, server)


def up_with_copy(instance: Instance, server: S3Server) -> Instance:
    layout = instance.layout
    text = layout.backup_settings.read_text() if layout.backup_settings.exists() else ""
    copy = f'name = "offsite"\nstorage = "s3://{BUCKET}/copy"\ns3_endpoint = "{server.bucket.endpoint}"\n'
    layout.backup_settings.write_text(f"{text}\n[[copy]]\n{copy}")
    keys = layout.config / "backup-credentials-offsite.toml"
    keys.touch(0o600)
    keys.write_text(
        f'access_key_id = "{server.bucket.access_key_id}"\n'
        f'secret_access_key = "{server.bucket.secret_access_key}"\n'
    )
    instance.up()
    instance.sql(LEDGER)
    instance.sql(ADD.format(100))
    return instance


def of_copy(instance: Instance) -> Storage:
    settings = settings_of_copy(read_backup_settings(instance.layout), "offsite")
    return innermost(open_storage(instance.layout, settings))


def told(instance: Instance) -> dict[str, Any]:
    """What the part says of the copy."""
    found: dict[str, Any] = (ask_part(instance.layout) or {"copies": [{}]})["copies"][0]
    return found


def write_segment(instance: Instance) -> None:
    """Rows, and the end of the segment that they are in."""
    instance.sql(ADD.format(10))
    instance.sql("SELECT pg_switch_wal()")


def wait_until_copied(instance: Instance, backup: str | None = None) -> None:
    """Everything committed by now is in the copy, and that backup."""
    at = instance.sql("SELECT clock_timestamp()").replace(" ", "T")

    def is_there() -> bool:
        found = told(instance)
        there = (found.get("last_point") or "") > at and found["trouble"] is None
        return there and (backup is None or found["newest"] == backup)

    try:
        wait_for(is_there, "everything is in the copy", PATIENCE_S)
    except AssertionError as error:
        raise AssertionError(
            f"{error}: {told(instance)}, {instance.layout.log('backup').read_text()[-3000:]}"
        ) from error


def assert_same(instance: Instance) -> None:
    """The copy lacks nothing that a restore may need, and what both hold is the same to the last byte."""
    first, copy = storage(instance), of_copy(instance)
    held, there = read_contents(first), read_contents(copy)
    plan = plan_copy(held, there)
    assert not plan.backups
    assert [name for name in plan.log if ".partial" not in name] == []
    assert there.archive.backups == held.archive.backups
    oldest = held.archive.backups[0].first_segment
    lately = {name for name in held.archive.whole | held.archive.partial if name >= oldest}
    assert lately <= there.archive.whole | there.archive.partial
    for one in held.objects:
        segment = segment_of(one.name)
        if one.name.endswith(("verified.json", "damaged.json")) or (segment and segment[0] < oldest):
            continue
        assert read_bytes(copy, one.name) == read_bytes(first, one.name), one.name


def test_all_tables_come_back_from_the_copy_when_the_first_storage_is_gone(copied: Instance) -> None:
    backup = verb(copied, "backup", "create")["backup"]
    copied.sql(ADD.format(50))
    verb(copied, "backup", "mark", "here")
    wait_until_copied(copied, backup)
    listed = verb(copied, "backup", "list")["copies"]
    assert [(one["name"], one["newest"], one["backups"]) for one in listed] == [("offsite", backup, 1)]
    assert "Copy" in copied.run("status").out
    assert verb(copied, "backup", "verify", "--copy", "offsite")["whole"] == [backup]
    assert of_copy(copied).head(verification_of(backup)) is not None
    copied.sql(ADD.format(25))
    rows = read_ledger(copied)
    wait_until_copied(copied, backup)
    copied.down()
    assert_same(copied)
    origin = BackedUp(copied)
    content = origin.content(copied.layout.postgresql)
    shutil.rmtree(copied.backups)
    told = copied.run("restore", "--yes", "--json", "--copy", "offsite")
    assert told.code == 0, told.out + told.err
    restored = origin.content(copied.layout.postgresql)
    assert {one.table: one for one in restored if "heartbeat" not in one.table} == {
        one.table: one for one in content if "heartbeat" not in one.table
    }
    assert origin.rows(copied.layout.postgresql) == rows


def test_a_copy_that_is_away_or_hangs_holds_nothing_up_and_catches_up(
    copied: Instance, server: S3Server
) -> None:
    wait_until_copied(copied)
    server.pause()
    for _ in range(4):
        write_segment(copied)
        begun = time.monotonic()
        verb(copied, "backup", "create")
        assert time.monotonic() - begun < 60
        assert (ask_part(copied.layout) or {})["archive"]["lag_s"] < 10
    assert told(copied)["lag_s"] > 1
    server.kill()
    wait_for(lambda: "copy-failing" in warnings(copied), "it says that the copy fails", 3 * PATIENCE_S)
    assert told(copied)["trouble"]
    assert "storage-unreachable" not in warnings(copied)
    server.start()
    newest = verb(copied, "backup", "list")["backups"][-1]["id"]
    wait_for(lambda: told(copied)["newest"] == newest, "it has caught up", 3 * PATIENCE_S)
    wait_until_copied(copied, newest)
    assert "copy-failing" not in warnings(copied)
    copied.down()
    assert_same(copied)


@pytest.mark.fault
def test_kill_9_while_shipping_to_the_copy_loses_nothing(copied: Instance, server: S3Server) -> None:
    """The copy answers again only once there is much to ship; the part is killed when some of it arrives."""
    wait_until_copied(copied)
    lacking = [kill_while_shipping(copied, server, 0.1 * number) for number in range(5)]
    assert any(lacking), "each time everything had arrived before the kill"
    newest = verb(copied, "backup", "list")["backups"][-1]["id"]
    wait_until_copied(copied, newest)
    copied.down()
    assert_same(copied)
    shutil.rmtree(copied.backups)
    rows = BackedUp(copied).rows(copied.layout.postgresql)
    told = copied.run("restore", "--yes", "--json", "--copy", "offsite")
    assert told.code == 0, told.out + told.err
    assert BackedUp(copied).rows(copied.layout.postgresql) == rows


def kill_while_shipping(instance: Instance, server: S3Server, delay_s: float) -> int:
    """How many of the objects to be shipped were not in the copy when the part died.

    What is in the copy then lacks nothing that it needs.
    """
    server.pause()
    for _ in range(3):
        write_segment(instance)
    verb(instance, "backup", "create")
    os.kill(instance.pid("backup"), signal.SIGKILL)
    wait_until_back(instance)
    server.resume()
    copy = of_copy(instance)
    before = len(list(copy.list()))
    wait_for(lambda: len(list(copy.list())) > before, "something arrives", PATIENCE_S)
    time.sleep(delay_s)
    os.kill(instance.pid("backup"), signal.SIGKILL)
    held, there = read_contents(storage(instance)), read_contents(copy)
    assert [one.flaw for one in catalog(there) if one.flaw] == []
    wait_until_back(instance)
    names = {one.name for one in there.objects}
    return sum(one.name not in names and ".partial" not in one.name for one in held.objects)


def wait_until_back(instance: Instance) -> None:
    wait_for(lambda: ask_part(instance.layout) is not None, "the part is back", PATIENCE_S)


def test_a_drill_from_the_copy_passes_every_check_while_the_first_storage_is_gone(
    used: Instance, server: S3Server
) -> None:
    up_with_copy(used, server)
    backup = verb(used, "backup", "create")["backup"]
    wait_until_copied(used, backup)
    shutil.move(used.backups, f"{used.backups}-away")
    drill = used.run("drill", "--copy", "offsite", "--json")
    shutil.move(f"{used.backups}-away", used.backups)
    assert drill.code == 0, drill.out + drill.err
    assert drill.json["backup"] == backup
    assert {check["outcome"] for check in drill.json["checks"]} == {"passed"}
    assert of_copy(used).head(verification_of(backup)) is not None


def test_who_takes_the_storage_over_takes_the_copy_over(copied: Instance) -> None:
    """As after a move to a new machine: the data folder is another instance, the storages are the same."""
    wait_until_copied(copied)
    copied.down()
    copied.layout.identity.unlink()
    copied.up()
    before = {one.name for one in of_copy(copied).list()}
    wait_for(lambda: "two-writers" in warnings(copied), "it asks", PATIENCE_S)
    assert {one.name for one in of_copy(copied).list()} == before
    verb(copied, "backup", "writer", "take-over", "--yes")
    backup = verb(copied, "backup", "create", "--full")["backup"]
    wait_until_copied(copied, backup)
    copied.down()
    assert_same(copied)


def test_a_new_first_storage_writes_nothing_into_the_copy_of_the_lost_one(copied: Instance) -> None:
    wait_until_copied(copied)
    copied.down()
    before = {one.name: read_bytes(of_copy(copied), one.name) for one in of_copy(copied).list()}
    shutil.rmtree(copied.backups)
    layout = copied.layout
    layout.identity.unlink()
    layout.backup_state.unlink()
    copied.up()
    verb(copied, "backup", "create")
    wait_for(lambda: "copy-failing" in warnings(copied), "the copy is another one's", 3 * PATIENCE_S)
    assert "the copy of another storage" in told(copied)["trouble"]
    verb(copied, "backup", "writer", "take-over", "--yes")
    assert {one.name: read_bytes(of_copy(copied), one.name) for one in of_copy(copied).list()} == before
