"""A backup holds what the database held at its mark, opens without this program, and hides no damage."""

import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stock_ops.backup.plans.catalog import catalog
from stock_ops.backup.runners.verify import verify_entries
from stock_ops.kit.report import JsonReport
from stock_ops.storage.envelope import store
from stock_ops.storage.facts.contents import read_contents
from stock_ops.storage.folder import FolderStorage
from stock_ops.storage.keys import draw_identity, read_identity, recipient_of
from stock_ops.storage.objects import LEDGER, base_of, segment_object, valkey_of
from stock_ops.storage.writers import WRITERS
from tests.contract.ops.storage.s3_server import BUCKET, S3Server
from tests.integration.ops.backed_up import verb
from tests.integration.ops.by_hand import give, run_tool
from tests.integration.ops.instance import Instance
from tests.integration.ops.made_backups import (
    Made,
    console,
    make_backups,
    read_raw,
    recovered_content,
    write_settings,
)
from tests.room import a_folder


@pytest.fixture(scope="module")
def made() -> Iterator[Made]:
    """In a folder."""
    with a_folder() as base:
        instance = Instance(base / "data", stub=True)
        yield make_backups(instance, FolderStorage(instance.backups))
        instance.remove()


@pytest.fixture(scope="module")
def made_in_bucket() -> Iterator[Made]:
    """In a bucket of an S3 server."""
    with a_folder() as base:
        server, instance = S3Server(base), Instance(base / "data", stub=True)
        instance.environment |= {
            "AWS_ACCESS_KEY_ID": server.bucket.access_key_id,
            "AWS_SECRET_ACCESS_KEY": server.bucket.secret_access_key,
        }
        place = f's3_endpoint = "{server.bucket.endpoint}"\nstorage = "s3://{BUCKET}/ours"\n'
        write_settings(instance, place)
        yield make_backups(instance, server.storage("ours"))
        instance.remove()
        server.stop()


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
        data = read_raw(made.storage, name)
        if name.endswith(".zst.age"):
            assert data.startswith(b"age-encryption.org/v1\n-> X25519 ")
            assert b"public.debit" not in data
        elif not name.startswith((WRITERS, LEDGER)):
            assert name.rpartition("/")[2] in (
                "repository.json",
                "manifest.json",
                "verified.json",
                "fit.json",
            )


def test_writers_were_held_off_for_a_moment_only(made: Made) -> None:
    assert made.told["held_off_s"] < 5  # milliseconds, but the machine may have other work


def test_a_json_column_puts_no_error_into_the_servers_log(made: Made) -> None:
    lines = made.instance.layout.log("postgresql").read_text().splitlines()
    assert [line for line in lines if "backup@" in line and "ERROR:" in line and "timeout" not in line] == []


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


# --- what verification finds ------------------------------------------------------------------------


@pytest.fixture
def copied(made: Made, base: Path) -> FolderStorage:
    """A copy of the storage, to be damaged."""
    shutil.copytree(made.instance.backups, base / "copy")
    return FolderStorage(base / "copy")


def verify(made: Made, storage: FolderStorage) -> dict[str, str | None]:
    entries = catalog(read_contents(storage))
    key = read_identity(next(made.instance.settings.rglob("*.key")))
    return verify_entries(storage, entries, key, JsonReport())


def flip(path: Path, at: float = 0.5) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a bit in its first byte": lambda path: flip(path, 0),
    "a bit in the middle": flip,
    "a bit in its last byte": lambda path: flip(path, 0.999999),
    "cut off": cut,
    "emptied": lambda path: path.write_bytes(b""),
    "gone": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("role", ["base", "dump", "valkey", "log"])
def test_any_damage_of_any_object_is_found_and_named(
    role: str, damage: str, made: Made, copied: FolderStorage
) -> None:
    part = made.full.part(role) if role != "log" else None  # type: ignore[arg-type]  # 'log' is sorted out before
    name = part.name if part else segment_object(made.full.first_segment)
    DAMAGES[damage](Path(copied.where) / name)
    flaws = verify(made, copied)
    assert name in (flaws[made.full.id] or "")
    assert made.full.id in (flaws[made.incremental.id] or "")
    assert all(entry.flaw and not entry.verification for entry in catalog(read_contents(copied)))


def test_a_whole_backup_is_noted_as_verified_and_healing_too(made: Made, copied: FolderStorage) -> None:
    path = Path(copied.where) / base_of(made.incremental.id)
    kept = path.read_bytes()
    flip(path)
    assert verify(made, copied)[made.incremental.id]
    whole, damaged = catalog(read_contents(copied))
    assert whole.verification
    assert whole.verification.how == "read"
    assert "base.tar" in (damaged.flaw or "")
    path.write_bytes(kept)
    assert verify(made, copied) == {made.full.id: None, made.incremental.id: None}
    assert all(entry.verification and not entry.flaw for entry in catalog(read_contents(copied)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda made: base_of(made.full.id), lambda made: base_of(made.incremental.id)),
        (
            lambda made: segment_object(made.full.first_segment),
            lambda made: segment_object(made.full.last_segment),
        ),
        (lambda made: valkey_of(made.full.id), lambda made: segment_object(made.full.last_segment)),
    ],
    ids=["bases", "segments", "different things"],
)
def test_swapped_objects_are_found(
    one: Callable[[Made], str], other: Callable[[Made], str], made: Made, copied: FolderStorage
) -> None:
    first, second = (Path(copied.where) / name(made) for name in (one, other))
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    assert verify(made, copied)[made.full.id]


def test_a_segment_of_another_cluster_is_found(made: Made, copied: FolderStorage) -> None:
    name = segment_object(made.full.first_segment)
    log = bytearray(made.hand.open(name))
    log[24] ^= 1  # within the system identifier
    key = read_identity(next(made.instance.settings.rglob("*.key")))
    store(copied, name, io.BytesIO(log), recipient_of(key))
    assert "of another database cluster" in (verify(made, copied)[made.full.id] or "")


def test_without_the_right_key_nothing_is_known(made: Made, base: Path) -> None:
    draw_identity(base / "other.key")
    for path, kind in ((base / "other.key", "WrongKeyError"), (base / "none.key", "LostKeyError")):
        told = verb(made.instance, "backup", "verify", "--key-file", str(path), code=1)
        assert told["error"]["kind"] == kind
    assert not read_contents(made.storage).found_damaged


def test_a_damaged_backup_is_told_on_the_command_line(made: Made, copied: FolderStorage) -> None:
    flip(Path(copied.where) / base_of(made.full.id))
    told = verb(made.instance, "backup", "verify", "--all", "--storage", copied.where, code=1)
    assert told["ok"] is False
    assert [one["backup"] for one in told["damaged"]] == [made.full.id, made.incremental.id]
    assert base_of(made.full.id) in told["damaged"][0]["why"]
    listed = verb(made.instance, "backup", "list", "--storage", copied.where)
    assert base_of(made.full.id) in listed["backups"][0]["flaw"]


def test_an_empty_storage_and_an_unknown_backup_are_told(made: Made, base: Path) -> None:
    told = verb(made.instance, "backup", "verify", "--storage", str(base / "nothing"), code=1)
    assert told["error"]["kind"] == "NoBackupError"
    told = verb(made.instance, "backup", "show", "20200101T000000Z-full", code=1)
    assert told["error"]["kind"] == "OutOfReachError"
