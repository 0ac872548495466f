"""A copy of the storage: shipped to after the first, never in its way, restored from when that is gone."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

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
    layout = used_stub.layout
    text = layout.backup_settings.read_text() if layout.backup_settings.exists() else ""
    copy = f'name = "offsite"\nstorage = "s3://{BUCKET}/copy"\ns3_endpoint = "{server.bucket.endpoint}"\n'
    layout.backup_settings.write_text(f"{text}\n[[copy]]\n{copy}")
    keys = layout.config / "backup-credentials-offsite.toml"
    keys.touch(0o600)
    keys.write_text(
        f'access_key_id = "{server.bucket.access_key_id}"\n'
        f'secret_access_key = "{server.bucket.secret_access_key}"\n'
    )
    used_stub.up()
    used_stub.sql(LEDGER)
    used_stub.sql(ADD.format(100))
    return used_stub


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
    settings = settings_of_copy(read_backup_settings(instance.layout), "offsite")
    held, there = read_contents(first), read_contents(copy)
    plan = plan_copy(held, there, settings, datetime.now(UTC))
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
def test_kill_9_while_shipping_to_the_copy_loses_nothing(copied: Instance) -> None:
    for round_number in range(6):
        write_segment(copied)
        verb(copied, "backup", "create")
        time.sleep(0.3 * round_number)
        os.kill(copied.pid("backup"), signal.SIGKILL)
        wait_for(lambda: ask_part(copied.layout) is not None, "the part is back", PATIENCE_S)
    newest = verb(copied, "backup", "list")["backups"][-1]["id"]
    wait_until_copied(copied, newest)
    copied.down()
    assert_same(copied)
    shutil.rmtree(copied.backups)
    rows = BackedUp(copied).rows(copied.layout.postgresql)
    told = copied.run("restore", "--yes", "--json", "--copy", "offsite")
    assert told.code == 0, told.out + told.err
    assert BackedUp(copied).rows(copied.layout.postgresql) == rows


def test_a_drill_can_use_the_copy(copied: Instance) -> None:
    backup = verb(copied, "backup", "create")["backup"]
    wait_until_copied(copied, backup)
    shutil.move(copied.backups, f"{copied.backups}-away")
    drill = copied.run("drill", "--copy", "offsite", "--json")
    shutil.move(f"{copied.backups}-away", copied.backups)
    assert drill.json["backup"] == backup
    failed = [check for check in drill.json["checks"] if check["outcome"] == "failed"]
    assert all(check["name"] != "restore" for check in failed), failed


def test_the_copy_of_another_instance_is_not_written_to_until_it_is_taken_over(copied: Instance) -> None:
    wait_until_copied(copied)
    segments = {one.name for one in of_copy(copied).list() if segment_of(one.name)}
    shutil.rmtree(copied.backups)
    copied.down()
    layout = copied.layout
    layout.identity.unlink()
    layout.backup_state.unlink()
    copied.up()
    verb(copied, "backup", "create")
    wait_for(lambda: "copy-failing" in warnings(copied), "the copy is another one's", 3 * PATIENCE_S)
    assert "Two writers" in told(copied)["trouble"]
    assert {one.name for one in of_copy(copied).list() if segment_of(one.name)} == segments
