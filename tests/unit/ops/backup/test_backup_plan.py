"""Which kind of backup is made and why, in which steps, and when none is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stock_ops.archive.facts.server import Address, Server, Span
from stock_ops.archive.facts.state import ArchiveState
from stock_ops.backup.facts.creation import Cache, CreationFacts, Tools
from stock_ops.backup.plans.creation import LONGEST_CHAIN, TakeDump, choose, plan_backup
from stock_ops.kit.backup_settings import BackupSettings, Dump
from stock_ops.kit.errors import ArchiveError, ForeignStorageError
from stock_ops.storage.facts.archive import Archive
from stock_ops.storage.facts.contents import Contents
from stock_ops.storage.folder import FolderStorage
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.objects import base_of, folder_of
from stock_ops.storage.owner import Owner
from stock_ops.storage.storage import StorageError, StoredObject
from stock_ops.storage.verification import Damage
from stock_ops.storage.wal import SEGMENT_BYTES, parse_lsn, segment_name
from tests.unit.ops.builders import LAYOUT, fresh
from tests.unit.ops.standings import archive, backup

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
GIB = 2**30
SETTINGS = BackupSettings(storage="/srv/backups", key_file=Path("/home/ann/backup.key"))


def chain(length: int, *, begun: timedelta = timedelta(days=2), timeline: int = 1) -> tuple[Manifest, ...]:
    """A full backup and increments to it, an hour apart; the first begun so long ago."""
    found: list[Manifest] = []
    for number in range(length):
        at = NOW - begun + timedelta(hours=number)
        parent = found[-1] if found else None
        found.append(backup(at, 2 * number + 1, parent=parent, timeline=timeline))
    return tuple(found)


def facts(backups: tuple[Manifest, ...] = (), **changes: Any) -> CreationFacts:
    """A server that runs and is archived, and these backups of it, of which nothing is missing."""
    contents = Contents(archive(*backups), (), {})
    lsn = 90 * SEGMENT_BYTES
    whole = CreationFacts(
        layout=LAYOUT,
        settings=SETTINGS,
        recipient="age1ours",
        storage=FolderStorage(Path("/srv/backups")),
        tools=Tools(fresh().programs, Path("/bin"), None, LAYOUT.passfile),
        address=Address(5432, "secret"),
        server=Server("18.6", "7", 1, lsn, 10 * GIB, True, (Span(0, lsn),)),
        cache=Cache("127.0.0.1", 6379, "secret"),
        archive=ArchiveState(streaming=True),
        owner=Owner("7", "age1ours", NOW) if backups else None,
        contents=contents,
        free_bytes=100 * GIB,
        manifests=frozenset(one.id for one in backups),
        now=NOW,
    )
    return replace(whole, **changes)


def with_archive(found: CreationFacts, **changes: Any) -> CreationFacts:
    held: Archive = replace(found.contents.archive, **changes)
    return replace(found, contents=replace(found.contents, archive=held))


def with_server(found: CreationFacts, **changes: Any) -> CreationFacts:
    return replace(found, server=replace(found.server, **changes))


# --- full or incremental ----------------------------------------------------------------------------


def test_the_first_backup_is_a_full_one() -> None:
    assert choose(facts(), full=False).why == "the first one"


def test_the_next_one_is_on_top_of_the_last() -> None:
    backups = chain(3)
    found = choose(facts(backups), full=False)
    assert (found.kind, found.parent) == ("incr", backups[-1])


def test_a_full_one_is_made_when_it_is_asked_for() -> None:
    found = choose(facts(chain(3)), full=True)
    assert (found.kind, found.parent, found.why) == ("full", None, "asked for")


@pytest.mark.parametrize(
    ("age", "kind"),
    [
        (timedelta(days=6, hours=11), "incr"),
        (timedelta(days=6, hours=13), "full"),
        (timedelta(days=30), "full"),
    ],
)
def test_a_full_one_is_made_when_the_last_is_old(age: timedelta, kind: str) -> None:
    found = choose(facts(chain(2, begun=age)), full=False)
    assert found.kind == kind
    assert kind == "incr" or "days old" in found.why


def test_a_clock_that_was_ahead_brings_a_full_one_and_not_years_without() -> None:
    found = choose(facts(chain(2, begun=timedelta(days=-400))), full=False)
    assert found.kind == "full"
    assert "in the future" in found.why


def test_a_chain_does_not_grow_for_ever() -> None:
    assert choose(facts(chain(LONGEST_CHAIN - 1)), full=False).kind == "incr"
    found = choose(facts(chain(LONGEST_CHAIN)), full=False)
    assert (found.kind, found.why) == ("full", f"the chain has {LONGEST_CHAIN} backups")


def test_nothing_is_built_on_a_backup_of_another_timeline() -> None:
    found = choose(with_server(facts(chain(2)), timeline=2), full=False)
    assert found.why == "there is no whole backup on timeline 2 of the server"


def test_nothing_is_built_on_what_is_damaged() -> None:
    backups = chain(3)
    sizes = {base_of(one.id): one.stored_bytes for one in backups} | {base_of(backups[2].id): 1}
    found = choose(with_archive(facts(backups), sizes=sizes), full=False)
    assert (found.kind, found.parent) == ("incr", backups[1])
    sizes[base_of(backups[0].id)] = 1
    assert choose(with_archive(facts(backups), sizes=sizes), full=False).kind == "full"


def test_nothing_is_built_on_what_a_verification_found_damaged() -> None:
    backups = chain(2)
    found = facts(backups)
    damage = {backups[0].id: Damage(NOW, "a bit was flipped")}
    found = replace(found, contents=replace(found.contents, found_damaged=damage))
    assert choose(found, full=False).kind == "full"


def test_after_a_gap_in_the_log_a_new_chain_begins() -> None:
    backups = chain(2)
    whole = frozenset(segment_name(1, number) for number in (*range(1, 20), *range(21, 40)))
    found = choose(with_archive(facts(backups), whole=whole), full=False)
    assert found.why == f"log was lost since {backups[-1].id}"


def test_a_gap_from_before_the_last_backup_is_of_the_past() -> None:
    backups = (backup(NOW - timedelta(days=1), 30),)
    whole = frozenset(segment_name(1, number) for number in (*range(1, 20), *range(30, 40)))
    assert choose(with_archive(facts(backups), whole=whole), full=False).kind == "incr"


def test_a_backup_without_its_manifest_by_postgresql_cannot_be_built_on() -> None:
    backups = chain(2)
    found = choose(facts(backups, manifests=frozenset([backups[0].id])), full=False)
    assert found.why == f"PostgreSQL's own manifest of {backups[1].id} is not here"


def test_a_server_that_was_put_back_begins_a_new_chain() -> None:
    backups = chain(2)
    found = choose(with_server(facts(backups), lsn=SEGMENT_BYTES), full=False)
    assert "older data were put back" in found.why


@pytest.mark.parametrize(
    ("spans", "summarizes", "kind"),
    [
        ([(0, 90)], True, "incr"),
        ([(0, 90)], False, "full"),
        ([(0, 2), (2, 90)], True, "incr"),
        ([(0, 2), (3, 90)], True, "full"),
        ([(0, 1), (1, 2)], True, "incr"),  # the server makes the rest when it is asked for
        ([(5, 90)], True, "full"),
        ([], True, "incr"),
    ],
)
def test_the_server_must_know_all_that_changed(
    spans: list[tuple[int, int]], summarizes: bool, kind: str
) -> None:
    backups = chain(1)
    start = parse_lsn(backups[0].start_lsn)
    assert SEGMENT_BYTES < start < 2 * SEGMENT_BYTES
    known = tuple(Span(begin * SEGMENT_BYTES, end * SEGMENT_BYTES) for begin, end in spans)
    found = with_server(facts(backups), summarizes=summarizes, summaries=known)
    assert choose(found, full=False).kind == kind


# --- the steps --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dump", "full", "holds"),
    [("full", True, True), ("full", False, False), ("always", False, True), ("never", True, False)],
)
def test_the_settings_say_which_backups_hold_a_dump(dump: Dump, full: bool, holds: bool) -> None:
    found = facts(chain(1), settings=replace(SETTINGS, dump=dump))
    steps = plan_backup(found, full=full).steps
    assert any(isinstance(step, TakeDump) for step in steps) == holds


def test_the_manifest_is_written_last_and_after_the_log() -> None:
    titles = [step.title for step in plan_backup(facts(), full=False).steps]
    assert titles == ["Storage", "Base backup", "Mark", "Valkey", "Content", "Dump", "Log", "Manifest"]


def test_what_was_cut_off_is_removed_first() -> None:
    found = facts(chain(1))
    left = "20261101T000000Z-full"
    objects = (StoredObject(f"{folder_of(left)}base.tar.zst.age", 1, NOW),)
    found = replace(found, contents=replace(found.contents, objects=objects))
    steps = plan_backup(found, full=False).steps
    assert (steps[1].title, steps[1].detail) == ("Clean up", f"unfinished: {left}")


def test_two_backups_of_one_second_have_two_names() -> None:
    known = (backup(NOW, 1),)
    plan = plan_backup(facts(known), full=True)
    assert plan.backup == "20261124T120001Z-full"
    assert plan.mark.name == f"backup-{plan.backup}"


# --- refusals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state", [None, ArchiveState(streaming=False, last_error="the storage is away")], ids=["off", "stuck"]
)
def test_without_the_archive_no_backup_is_made(state: ArchiveState | None) -> None:
    with pytest.raises(ArchiveError) as caught:
        plan_backup(facts(archive=state), full=False)
    assert "stockops" in caught.value.todo
    assert state is None or "the storage is away" in caught.value.why


def test_without_room_no_backup_is_begun() -> None:
    with pytest.raises(StorageError, match="takes about 5,120 MiB") as caught:
        plan_backup(facts(free_bytes=GIB), full=False)
    assert "prune" in caught.value.todo


def test_a_storage_that_cannot_tell_its_room_is_tried() -> None:
    assert plan_backup(facts(free_bytes=None), full=False).choice.kind == "full"


def test_room_is_judged_by_the_last_backup_of_the_kind() -> None:
    backups = chain(2)
    found = facts(backups, free_bytes=backups[1].stored_bytes)
    assert plan_backup(found, full=False).choice.kind == "incr"
    with pytest.raises(StorageError):
        plan_backup(found, full=True)


@pytest.mark.parametrize("owner", [Owner("8", "age1ours", NOW), Owner("7", "age1theirs", NOW)])
def test_the_storage_of_somebody_else_is_left_alone(owner: Owner) -> None:
    with pytest.raises(ForeignStorageError):
        plan_backup(facts(owner=owner), full=False)
