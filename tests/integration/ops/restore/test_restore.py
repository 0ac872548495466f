"""A restore brings back every row of the point that was asked for, or says why not and changes nothing."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from stock_ops.kit.errors import (
    DamagedBackupError,
    DiskFullError,
    ForeignDataError,
    ForeignStorageError,
    LiveDataError,
    NoBackupError,
    OpsError,
    OutOfReachError,
    UnfitError,
)
from stock_ops.kit.files import remove
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import ConsoleReport, JsonReport
from stock_ops.local.facts.kept import read_kept
from stock_ops.restore.cli import source as restore_source
from stock_ops.restore.cli.bring_back import bring_back
from stock_ops.restore.cli.source import Wish
from stock_ops.restore.plans.recovery import Request
from stock_ops.storage.authority import ForgedObjectError
from stock_ops.storage.keys import LostKeyError, WrongKeyError, draw_identity
from stock_ops.storage.manifest import Manifest, TableContent, load_manifest
from stock_ops.storage.objects import base_of, manifest_of, segment_object
from tests.integration.ops.backed_up import BackedUp, back_up, copy, verb
from tests.integration.ops.conftest import Maker
from tests.integration.ops.insider import rewrite
from tests.integration.ops.template import Template
from tests.room import a_folder


@pytest.fixture(scope="module")
def ground() -> Iterator[Path]:
    """A folder that the servers' user can reach."""
    with a_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def origin(ground: Path, stub_template: Template) -> Iterator[BackedUp]:
    found = back_up(ground, stub_template)
    yield found
    found.instance.remove()


@pytest.fixture(scope="module")
def target(ground: Path, origin: BackedUp) -> Layout:
    """A data folder with old data in it, for restores that are refused."""
    return origin.target(ground / "target")


@pytest.fixture
def storage(base: Path, origin: BackedUp) -> Path:
    """A copy of the storage, to be damaged."""
    copy(origin.storage, base / "storage")
    return base / "storage"


# --- what comes back --------------------------------------------------------------------------------


@pytest.mark.parametrize("point", ["full", "time", "mark", "latest"])
def test_every_row_comes_back_as_it_was_at_that_point(point: str, base: Path, origin: BackedUp) -> None:
    layout, wanted = origin.target(base / "data", empty=True), origin.points[point]
    origin.restore(layout, wanted.request)
    assert origin.rows(layout.postgresql) == wanted.rows
    assert not layout.restore.exists()
    assert read_kept(layout) == ()
    if point == "latest":
        assert origin.content(layout.postgresql) == origin.content(origin.instance.layout.postgresql)


def test_the_points_differ(origin: BackedUp) -> None:
    """Else the test above would prove nothing."""
    held = {str(point.rows) for point in origin.points.values()}
    assert len(held) == len(origin.points) == 5


def test_the_old_data_are_kept_whole_and_deleted_only_when_told(make: Maker, origin: BackedUp) -> None:
    """By the command, as an operator runs it."""
    instance = make()
    layout, increment = origin.target(instance.data), origin.points["increment"]
    everything = origin.content(layout.postgresql)
    assert instance.refused("restore", *origin.source())["kind"] == "NotConfirmedError"
    told = instance.run("restore", "--yes", "--json", *origin.source(), "--backup", origin.chain[-1]).json
    (kept,) = read_kept(layout)
    assert told["kept"] == str(kept.folder)
    assert origin.rows(layout.postgresql) == increment.rows
    assert kept.holds == ("postgresql", "spool", "valkey")
    assert (kept.folder / "spool" / "000000010000000000000099").read_text() == "not shipped"
    assert verb(instance, "kept", "list")["kept"][0]["name"] == kept.name
    assert verb(instance, "kept", "delete", kept.name, code=1)["error"]["kind"] == "NotConfirmedError"
    assert verb(instance, "kept", "delete", "20200101T0", "--yes", code=1)["error"]["kind"] == "FolderError"
    old = (kept.folder / "postgresql").rename(instance.data / "looked-at")
    assert origin.content(old) == everything
    verb(instance, "kept", "delete", kept.name, "--yes")
    assert read_kept(layout) == ()


def test_wrong_usage_is_told_as_such(make: Maker) -> None:
    instance = make()
    for wrong in (("--time", "yesterday"), ("--time", "2026-01-01", "--mark", "x"), ("--timeline", "0")):
        result = instance.run("restore", *wrong)
        assert result.code == 2, result.out + result.err


def test_a_dry_run_tells_the_steps_and_does_none(
    target: Layout, origin: BackedUp, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path.name for path in target.root.iterdir())
    wish = Wish(Request(), str(origin.storage), origin.key)
    assert bring_back(target, wish, ConsoleReport(), dry_run=True, yes=False) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert origin.chain[-1] in told
    assert "Swap" in told
    assert re.search(r"Size +\d+ MiB to fetch, \d+ MiB unpacked; and \d+ MiB of log", told)
    assert re.search(r"Room +\d+ MiB needed, [\d,]+ MiB free", told)
    assert "a guess from how long the backups took: no drill has shown it here yet" in told
    assert sorted(path.name for path in target.root.iterdir()) == before


@pytest.mark.parametrize("name", ["full", "time", "mark", "increment", "latest"])
def test_a_dry_run_names_the_last_commit_that_comes_back(
    name: str, target: Layout, origin: BackedUp, capsys: pytest.CaptureFixture[str]
) -> None:
    wish = Wish(origin.points[name].request, str(origin.storage), origin.key)
    assert bring_back(target, wish, JsonReport(), dry_run=True, yes=False) == 0
    told = json.loads(capsys.readouterr().out)
    last = datetime.fromisoformat(told["last_commit"])
    assert last >= max(row[1] for row in origin.points[name].rows) - timedelta(seconds=0.1)
    assert told["free_bytes"] > told["need_bytes"] > told["size_bytes"] > told["fetch_bytes"] > 0
    assert told["expected_s"] > 0
    points = list(origin.points)
    later = [origin.points[one].rows for one in points[points.index(name) + 1 :]]
    if later:
        assert last <= max(row[1] for row in later[-1])


def test_a_dry_run_converts_the_time_that_it_was_given(
    target: Layout, origin: BackedUp, capsys: pytest.CaptureFixture[str]
) -> None:
    at = origin.points["time"].request.time
    assert at is not None
    there = at.astimezone(timezone(timedelta(hours=9)))
    wish = Wish(Request(time=there), str(origin.storage), origin.key, f"{there:%Y-%m-%d %H:%M:%S%z}")
    assert bring_back(target, wish, ConsoleReport(), dry_run=True, yes=False) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"{there:%Y-%m-%d %H:%M:%S%z} is {at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" in told
    assert "was assumed" not in told
    naive = Wish(Request(time=at), str(origin.storage), origin.key, f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}")
    assert bring_back(target, naive, ConsoleReport(), dry_run=True, yes=False) == 0
    assert "no zone was named, so UTC was assumed" in " ".join(capsys.readouterr().out.split())


def test_a_folder_of_a_later_release_is_not_restored_into(base: Path, origin: BackedUp) -> None:
    layout = origin.target(base / "data")
    layout.memory.write_text('{"format": 2, "places": {"everything": "elsewhere"}}')
    with pytest.raises(ForeignDataError, match="of a later release"):
        origin.restore(layout)
    assert "everything" in layout.memory.read_text()


# --- what is refused, with nothing changed ----------------------------------------------------------


def refused(
    kind: type[OpsError], target: Layout, origin: BackedUp, request: Request | None = None, **more: object
) -> str:
    """Why a restore does not begin, or puts nothing in place, and what to do."""
    inode = target.postgresql.stat().st_ino
    with pytest.raises(kind) as caught:
        origin.restore(target, request, **more)
    assert type(caught.value) is kind
    assert target.postgresql.stat().st_ino == inode
    assert read_kept(target) == ()
    return f"{caught.value.why} {caught.value.todo}"


def test_times_out_of_reach_are_refused_with_what_is_possible(target: Layout, origin: BackedUp) -> None:
    first = load_manifest((origin.storage / manifest_of(origin.chain[0])).read_bytes()).mark.at
    now = datetime.now(UTC)
    cases = {
        first - timedelta(seconds=1): "before the first point",
        now + timedelta(hours=1): "in the future",
        now - timedelta(milliseconds=1): "after the last commit that was shipped",
    }
    for time, why in cases.items():
        told = refused(OutOfReachError, target, origin, Request(time=time))
        assert why in told
        assert f"Possible: {first:%Y-%m-%d %H:%M:%S}" in told


def test_a_time_after_the_last_commit_is_found_by_the_recovery_itself(
    base: Path, origin: BackedUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the end of the log tells no time."""
    monkeypatch.setattr(restore_source, "find_passage", lambda archive, *_: archive)
    layout = origin.target(base / "data")
    told = refused(OutOfReachError, layout, origin, Request(time=datetime.now(UTC)))
    assert "cannot be read up to the time" in told
    assert 'stockops restore --time "20' in told
    assert "The last transaction before it is of 20" in told


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (Request(mark="never-set"), "before-the-mistake"),
        (Request(backup="20200101T000000Z-full"), "backup list"),
        (Request(timeline=9), "Name one of: 1"),
    ],
)
def test_what_is_not_there_is_refused(target: Layout, origin: BackedUp, request_: Request, told: str) -> None:
    assert told in refused(OutOfReachError, target, origin, request_)


def test_a_lost_key_and_a_wrong_one_are_told_apart(target: Layout, origin: BackedUp, base: Path) -> None:
    refused(LostKeyError, target, origin, key=base / "nowhere.key")
    draw_identity(base / "other.key")
    assert "--key-file" in refused(WrongKeyError, target, origin, key=base / "other.key")


def test_an_empty_storage_and_somebody_elses_are_refused(
    target: Layout, origin: BackedUp, base: Path, storage: Path
) -> None:
    refused(NoBackupError, target, origin, storage=base / "nothing")
    control = target.postgresql / "global" / "pg_control"
    flip(control, 0)
    assert "--data" in refused(ForeignStorageError, target, origin)
    flip(control, 0)
    rewrite(storage, origin.chain[0], lambda one: replace(one, system_identifier="42"), origin.key)
    assert "42" in refused(ForeignStorageError, target, origin, storage=storage)


Change = Callable[[Manifest], Manifest]
LARGE = 2**60


@pytest.mark.parametrize(
    ("change", "kind", "told"),
    [
        (lambda one: replace(one, postgresql="17.5"), UnfitError, "PostgreSQL 17.5"),
        (lambda one: replace(one, schema_version=9999), UnfitError, "version 9999"),
        (lambda one: replace(one, extensions={"timescaledb": "2.23.0"}), UnfitError, "timescaledb 2.23.0"),
        (
            lambda one: replace(one, parts=tuple(replace(part, plain_bytes=LARGE) for part in one.parts)),
            DiskFullError,
            "needed",
        ),
    ],
    ids=["major version", "schema", "extension", "room"],
)
def test_what_does_not_fit_here_is_refused_before_anything_is_fetched(
    target: Layout, origin: BackedUp, storage: Path, change: Change, kind: type[OpsError], told: str
) -> None:
    rewrite(storage, origin.chain[-1], change, origin.key)
    remove(target.restore)
    assert told in refused(kind, target, origin, storage=storage)
    assert not target.restore.exists()


def test_data_that_somebody_works_on_are_not_replaced(target: Layout, origin: BackedUp) -> None:
    with origin.serving(target.postgresql):
        assert "kill -INT" in refused(LiveDataError, target, origin)


# --- what is damaged is found before it is in place --------------------------------------------------


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_one_flipped_bit_in_a_backup_is_found(target: Layout, origin: BackedUp, storage: Path) -> None:
    path = storage / base_of(origin.chain[0])
    flip(path, path.stat().st_size // 2)
    assert base_of(origin.chain[0]) in refused(DamagedBackupError, target, origin, storage=storage)


def test_backups_that_changed_places_are_found(target: Layout, origin: BackedUp, storage: Path) -> None:
    """Each is a sound archive, for the right key, but not the one that the manifest names."""
    one, other = (storage / base_of(name) for name in origin.chain)
    size = one.stat().st_size
    rewrite(
        storage,
        origin.chain[1],
        lambda manifest: replace(
            manifest, parts=tuple(replace(part, stored_bytes=size) for part in manifest.parts)
        ),
        origin.key,
    )
    shutil.copyfile(one, other)
    told = refused(DamagedBackupError, target, origin, storage=storage)
    assert "from byte 0 on it is not what the manifest names" in told


def segments(origin: BackedUp) -> list[str]:
    """The whole segments that the newest backup leads on with."""
    first = load_manifest((origin.storage / manifest_of(origin.chain[-1])).read_bytes()).first_segment
    found = sorted(path.name for path in (origin.storage / "wal" / "00000001").iterdir())
    return [name[:24] for name in found if ".partial" not in name and name >= first]


def test_a_missing_segment_is_named(target: Layout, origin: BackedUp, storage: Path) -> None:
    name = segments(origin)[0]
    (storage / segment_object(name)).unlink()
    assert name in refused(DamagedBackupError, target, origin, storage=storage)


def test_segments_that_changed_places_are_found(target: Layout, origin: BackedUp, storage: Path) -> None:
    one, other = (storage / segment_object(name) for name in segments(origin)[:2])
    shutil.copyfile(one, other)
    told = refused(ForgedObjectError, target, origin, storage=storage)
    assert "its tag does not fit its name and content" in told


def test_content_that_is_not_what_was_measured_is_named_by_table(
    target: Layout, origin: BackedUp, storage: Path
) -> None:
    def change(table: TableContent) -> TableContent:
        return replace(table, rows=table.rows + 1) if table.table == "public.ledger" else table

    rewrite(
        storage,
        origin.chain[-1],
        lambda one: replace(one, content=tuple(map(change, one.content))),
        origin.key,
    )
    assert "public.ledger has" in refused(DamagedBackupError, target, origin, storage=storage)
