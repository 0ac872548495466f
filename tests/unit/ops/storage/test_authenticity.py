"""Whatever somebody who can write to the storage does there is found; what was made before still counts."""

import hashlib
import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.errors import DamagedBackupError, OutOfReachError
from stock_ops.kit.layout import Layout
from stock_ops.restore.plans.recovery import Request, choose
from stock_ops.storage.authentic import AuthenticStorage
from stock_ops.storage.authority import ForgedObjectError, NoAuthenticationKeyError
from stock_ops.storage.envelope import fetch, store, store_once
from stock_ops.storage.facts.contents import Contents, read_contents
from stock_ops.storage.facts.place import open_storage
from stock_ops.storage.folder import FolderStorage
from stock_ops.storage.keys import (
    authentication_key,
    draw_identity,
    dump_authentication_key,
    read_identity,
    recipient_of,
)
from stock_ops.storage.known import remember
from stock_ops.storage.ledger import add_entry, read_ledger
from stock_ops.storage.manifest import Manifest, Mark, StoredPart, TableContent, dump_manifest, stored_part
from stock_ops.storage.marks import mark_object
from stock_ops.storage.objects import (
    LEDGER,
    REPOSITORY,
    base_of,
    history_object,
    ledger_object,
    manifest_of,
    moment_of,
    segment_object,
    verification_of,
)
from stock_ops.storage.owner import authenticate, claim, read_owner
from stock_ops.storage.parts import fetch_part
from stock_ops.storage.storage import read_bytes, write_bytes
from stock_ops.storage.wal import format_lsn, segment_name, start_of
from tests.unit.ops.archives import BEGIN

US = "7300000000000000001"
IDS = ("20260101T031500Z-full", "20260102T031500Z-full")
LOG = b"log" * 1000


def manifest_at(backup: str, number: int, parts: tuple[StoredPart, ...], system_identifier: str) -> Manifest:
    """A backup whose log is one segment."""
    segment = segment_name(1, number)
    lsn, at = format_lsn(start_of(segment) + 8192), moment_of(backup)
    return Manifest(
        id=backup,
        kind="full",
        parent=None,
        system_identifier=system_identifier,
        timeline=1,
        start_lsn=format_lsn(start_of(segment) + 4096),
        stop_lsn=lsn,
        mark=Mark(f"backup-{backup}", lsn, at),
        first_segment=segment,
        last_segment=segment,
        started_at=at,
        finished_at=at,
        duration_s=1,
        postgresql="18.6",
        schema_version=4,
        extensions={},
        structure_sha256="0",
        content=(TableContent("public.bar", 1, "1"),),
        parts=parts,
        valkey_keys=0,
        compression_level=1,
    )


@dataclass
class Ours:
    """An instance's storage in a folder, and the machine that writes there."""

    root: Path

    def __post_init__(self) -> None:
        self.layout = Layout(self.root / "data")
        for folder in (self.layout.config, self.layout.backup):
            folder.mkdir(parents=True)
        self.key, self.files = self.root / "private.key", self.root / "storage"
        self.recipient = draw_identity(self.key)
        self.layout.recipient.write_text(self.recipient)
        self.settings = BackupSettings(str(self.files), self.key)

    @property
    def identity(self) -> str:
        return read_identity(self.key)

    def open(self) -> AuthenticStorage:
        """As this machine does."""
        return open_storage(self.layout, self.settings, {})

    def elsewhere(self, key: Path | None = None) -> AuthenticStorage:
        """As a bare machine does that has the private key alone."""
        layout = Layout(self.root / "elsewhere")
        return open_storage(layout, self.settings, {}, key_file=key or self.key)

    def old_key(self) -> Path:
        """The private key as a release of before drew it."""
        path = self.root / "old.key"
        path.write_text(self.key.read_text().replace("# backups: authenticated\n", ""))
        return path

    def begin(self) -> None:
        held = self.open()
        claim(held, US, self.recipient)
        remember(self.layout, held)

    def back_up(self, number: int) -> Manifest:
        """A small backup, with the segment that it needs."""
        held, backup = self.open(), IDS[number]
        self.ship(number + 1)
        base = store(held, base_of(backup), io.BytesIO(b"base" * (2**21 + number)), self.recipient)
        manifest = manifest_at(backup, number + 1, (stored_part("base", base_of(backup), base),), US)
        write_bytes(held, manifest_of(backup), dump_manifest(manifest))
        self.list()
        return manifest

    def list(self) -> None:
        held = self.open()
        remember(self.layout, held, add_entry(held))

    def ship(self, number: int) -> None:
        held = self.open()
        store_once(held, segment_object(segment_name(1, number)), io.BytesIO(LOG), self.recipient)

    def mark(self, name: str) -> None:
        write_bytes(
            self.open(),
            mark_object(name),
            b'{"name": "a", "lsn": "0/1", "timeline": 1, "at": "2026-01-01"}\n',
        )
        self.list()

    def path(self, name: str) -> Path:
        return self.files / name

    def contents(self) -> Contents:
        return read_contents(self.open(), self.identity)


@pytest.fixture
def ours(tmp_path: Path) -> Ours:
    ours = Ours(tmp_path)
    ours.begin()
    return ours


@pytest.fixture
def made(ours: Ours) -> Ours:
    """Two backups, a mark, and log after them."""
    for number in (0, 1):
        ours.back_up(number)
    ours.mark("before")
    ours.ship(3)
    ours.list()
    return ours


def opened(storage: AuthenticStorage, name: str, identity: str) -> bytes:
    sink = io.BytesIO()
    fetch(storage, name, sink, identity)
    return sink.getvalue()


def test_what_this_instance_wrote_is_read_here_and_on_a_bare_machine_with_the_private_key_alone(
    made: Ours,
) -> None:
    for storage in (made.open(), made.elsewhere()):
        found = read_contents(storage, made.identity)
        assert [one.id for one in found.archive.backups] == list(IDS)
        assert not found.archive.damaged
        assert not found.archive.findings
        assert not found.archive.unproven
        assert opened(storage, segment_object(segment_name(1, 1)), made.identity) == LOG
        for manifest in found.archive.backups:
            sink = io.BytesIO()
            fetch_part(storage, manifest.parts[0], sink, made.identity)
            assert len(sink.getvalue()) == manifest.parts[0].plain_bytes


# --- what somebody does who can write to the storage, and has the public key -------------------------


def test_a_manifest_of_somebody_else_counts_for_nothing(made: Ours) -> None:
    text = dump_manifest(manifest_at("20260103T031500Z-full", 3, (), US))
    path = made.path(manifest_of("20260103T031500Z-full"))
    path.parent.mkdir()
    path.write_bytes(text)
    found = made.contents()
    assert [one.id for one in found.archive.backups] == list(IDS)
    assert "its tag is missing" in found.archive.damaged["20260103T031500Z-full"]
    assert found.archive.findings


def test_a_manifest_under_another_name_is_found(made: Ours) -> None:
    shutil.copytree(made.path(f"backups/{IDS[0]}"), made.path("backups/20260103T031500Z-full"))
    found = made.contents()
    assert "its tag does not fit" in found.archive.damaged["20260103T031500Z-full"]


def test_an_older_manifest_under_its_own_name_is_found(made: Ours) -> None:
    """It carried a tag that fits when it was there."""
    before = made.path(manifest_of(IDS[1])).read_bytes()
    write_bytes(made.open(), manifest_of(IDS[1]), dump_manifest(manifest_at(IDS[1], 2, (), US)))
    found = made.contents()
    assert "not the one that the ledger" in found.archive.damaged[IDS[1]]
    made.path(manifest_of(IDS[1])).write_bytes(before)
    assert not made.contents().archive.damaged


def test_a_manifest_that_is_taken_away_is_found(made: Ours) -> None:
    made.path(manifest_of(IDS[1])).unlink()
    found = made.contents()
    assert "is missing" in found.archive.damaged[IDS[1]]
    with pytest.raises(DamagedBackupError, match=IDS[1]):
        choose(found.archive, Request(), BEGIN)


def test_a_backup_that_was_pruned_does_not_come_again(made: Ours) -> None:
    kept = made.root / "kept"
    shutil.copytree(made.path(f"backups/{IDS[0]}"), kept)
    held = made.open()
    remember(made.layout, held, add_entry(held, retire=[IDS[0]]))
    shutil.rmtree(made.path(f"backups/{IDS[0]}"))
    assert not made.contents().archive.damaged
    shutil.copytree(kept, made.path(f"backups/{IDS[0]}"))
    found = made.contents()
    assert [one.id for one in found.archive.backups] == [IDS[1]]
    assert found.unfinished == {IDS[0]}


@pytest.mark.parametrize("number", [0, 1])
def test_another_base_backup_is_refused_before_a_byte_of_it_is_unpacked(made: Ours, number: int) -> None:
    manifest = made.contents().archive.backups[0]
    name, sink = manifest.parts[0].name, io.BytesIO()
    store(FolderStorage(made.files), name, io.BytesIO(b"evil" * (2**21 + number)), made.recipient)
    with pytest.raises(DamagedBackupError, match="from byte 0 on"):
        fetch_part(made.elsewhere(), manifest.parts[0], sink, made.identity)
    assert sink.getvalue() == b""


def test_a_base_backup_that_goes_on_is_refused(made: Ours) -> None:
    part = made.contents().archive.backups[0].parts[0]
    made.path(part.name).write_bytes(made.path(part.name).read_bytes() + b"more")
    with pytest.raises(DamagedBackupError, match=part.name):
        fetch_part(made.open(), part, io.BytesIO(), made.identity)


def log_of_somebody_else(made: Ours, name: str) -> None:
    store(FolderStorage(made.files), name, io.BytesIO(LOG), made.recipient)


def log_of_another_name(made: Ours, name: str) -> None:
    shutil.copyfile(made.path(segment_object(segment_name(1, 1))), made.path(name))


def log_of_another_storage(made: Ours, name: str) -> None:
    """Of the same keys, as after `backup writer new-line`."""
    other = replace_storage(made, "other")
    claim(other, US, made.recipient)
    store(other, name, io.BytesIO(LOG), made.recipient)
    shutil.copyfile(made.root / "other" / name, made.path(name))


def replace_storage(made: Ours, name: str) -> AuthenticStorage:
    settings = replace(made.settings, storage=str(made.root / name))
    return open_storage(made.layout, settings, {})


@pytest.mark.parametrize("swap", [log_of_somebody_else, log_of_another_name, log_of_another_storage])
def test_other_log_is_refused_before_it_is_unpacked(made: Ours, swap: Callable[[Ours, str], None]) -> None:
    name, sink = segment_object(segment_name(1, 2)), io.BytesIO()
    swap(made, name)
    with pytest.raises(ForgedObjectError, match="its tag"):
        fetch(made.elsewhere(), name, sink, made.identity)
    assert sink.getvalue() == b""


def test_a_history_that_somebody_adds_leads_nowhere(made: Ours) -> None:
    log_of_somebody_else(made, history_object("00000002.history"))
    with pytest.raises(DamagedBackupError, match="timeline 2"):
        choose(made.contents().archive, Request(), BEGIN)


def test_marks_that_are_added_or_taken_away_are_found(made: Ours) -> None:
    made.path(mark_object("evil")).write_bytes(made.path(mark_object("before")).read_bytes())
    made.path(mark_object("before")).unlink()
    found = made.contents().archive
    assert [one.partition(" ")[0] for one in found.findings] == ["marks/evil.json", "marks/before.json"]
    with pytest.raises(OutOfReachError):
        choose(found, Request(mark="evil"), BEGIN)


def test_a_verification_of_somebody_else_counts_for_nothing(made: Ours) -> None:
    made.path(verification_of(IDS[0])).write_text('{"at": "2026-01-05T00:00:00+00:00", "how": "restored"}\n')
    assert not made.contents().verifications


def test_the_newest_log_that_is_taken_away_is_found_and_the_latest_point_refused(made: Ours) -> None:
    made.path(segment_object(segment_name(1, 3))).unlink()
    found = read_contents(made.elsewhere(), made.identity).archive
    assert segment_name(1, 3) in found.lost_end
    with pytest.raises(DamagedBackupError, match=segment_name(1, 3)):
        choose(found, Request(), BEGIN)
    assert choose(found, Request(backup=IDS[1], latest=True), BEGIN)


def test_a_storage_that_is_put_back_to_an_older_state_is_found_by_this_machine(made: Ours) -> None:
    before = made.root / "before"
    shutil.copytree(made.files, before)
    made.mark("later")
    shutil.rmtree(made.files)
    shutil.copytree(before, made.files)
    with pytest.raises(ForgedObjectError, match="older state"):
        made.contents()


def test_where_newer_log_is_left_a_bare_machine_finds_it_too(made: Ours) -> None:
    """The ledger is put back; what was shipped later says which entry there was."""
    for path in sorted(made.files.glob(f"{LEDGER}*"))[-2:]:
        path.unlink()
    storage = made.elsewhere()
    read_contents(storage, made.identity)
    with pytest.raises(ForgedObjectError, match="was shipped after"):
        fetch(storage, segment_object(segment_name(1, 3)), io.BytesIO(), made.identity)


@pytest.mark.parametrize("number", [2, 3])
def test_an_entry_of_the_ledger_that_is_missing_or_changed_is_found(made: Ours, number: int) -> None:
    newest = read_ledger(made.open())
    assert newest
    assert newest.entry.number > number
    path = made.path(ledger_object(number))
    text = path.read_bytes()
    path.unlink()
    with pytest.raises(ForgedObjectError):
        read_contents(made.elsewhere())
    path.write_bytes(text.replace(b'"marks"', b'"Marks"'))
    with pytest.raises(ForgedObjectError):
        read_contents(made.elsewhere())


def put_back(made: Ours) -> None:
    """As of the release before: nothing carries tags."""
    claim(FolderStorage(made.root / "plain"), US, made.recipient)
    shutil.copyfile(made.root / "plain" / REPOSITORY, made.path(REPOSITORY))


def take_away(made: Ours) -> None:
    made.path(REPOSITORY).unlink()


def change(made: Ours) -> None:
    path = made.path(REPOSITORY)
    path.write_bytes(path.read_bytes().replace(b'"before": null', b'"before":  null'))


@pytest.mark.parametrize("forge", [put_back, take_away, change])
@pytest.mark.parametrize("old_key", [False, True])
def test_nobody_makes_the_storage_count_as_one_without_tags(
    made: Ours, forge: Callable[[Ours], None], old_key: bool
) -> None:
    forge(made)
    storage = made.elsewhere(made.old_key() if old_key else made.key)
    try:
        assert not read_contents(storage, made.identity).archive.backups
    except ForgedObjectError:
        return
    with pytest.raises(ForgedObjectError):
        fetch(storage, segment_object(segment_name(1, 1)), io.BytesIO(), made.identity)


def test_with_a_new_key_a_whole_storage_without_tags_is_refused_on_a_bare_machine(tmp_path: Path) -> None:
    ours = Ours(tmp_path)
    claim(FolderStorage(ours.files), US, ours.recipient)
    with pytest.raises(ForgedObjectError, match="carry tags"):
        read_contents(ours.elsewhere(), ours.identity)
    assert not read_contents(ours.elsewhere(ours.old_key()), ours.identity).archive.findings


def test_a_storage_that_was_lost_is_begun_anew_in_its_place(made: Ours) -> None:
    shutil.rmtree(made.files)
    made.begin()
    manifest = made.back_up(0)
    assert made.contents().archive.backups == (manifest,)


# --- keys that are not here --------------------------------------------------------------------------


def test_without_a_private_key_the_derived_one_makes_and_checks_backups(made: Ours) -> None:
    made.layout.authentication_key.write_text(dump_authentication_key(authentication_key(made.identity)))
    made.key.rename(made.root / "moved.key")
    made.ship(4)
    made.list()
    assert not read_contents(made.open()).archive.unproven


def test_without_any_key_nothing_is_written_and_what_is_read_is_told_to_be_unproven(made: Ours) -> None:
    made.key.rename(made.root / "moved.key")
    found = read_contents(made.open()).archive
    assert found.unproven.keys() == set(IDS)
    with pytest.raises(NoAuthenticationKeyError):
        made.ship(4)
    with pytest.raises(NoAuthenticationKeyError):
        write_bytes(made.open(), mark_object("later"), b'{"name": null}\n')
    assert not made.path(mark_object("later")).exists()


# --- what was made before ----------------------------------------------------------------------------


SAMPLE = Path(__file__).parents[3] / "data" / "storage_format_1" / "storage"
"""Written by the release before."""
SAMPLE_KEY = "AGE-SECRET-" + "KEY-17ZGHV9FZKRUSSYL2LFJRT4WLRJ4Z2L739UF808E54Q975LJCU45QRHX3SY"


@pytest.fixture
def before(tmp_path: Path) -> Ours:
    """A storage of the release before: a backup, a mark, log, and the beginning of a segment."""
    ours = Ours(tmp_path)
    ours.key.write_text(f"# created: 2026-01-01T00:00:00Z\n{SAMPLE_KEY}\n")
    ours.recipient = recipient_of(ours.identity)
    ours.layout.recipient.write_text(ours.recipient)
    shutil.copytree(SAMPLE, ours.files)
    return ours


def test_backups_of_before_are_read_with_a_warning_before_and_after_the_storage_gets_tags(
    before: Ours,
) -> None:
    for _ in range(2):
        storage = before.open()
        found = read_contents(storage, before.identity).archive
        assert [one.id for one in found.backups] == [IDS[0]]
        assert "made before" in found.unproven[IDS[0]]
        assert opened(storage, segment_object(segment_name(1, 2)), before.identity) == LOG
        sink = io.BytesIO()
        fetch_part(storage, found.backups[0].parts[0], sink, before.identity)
        assert len(sink.getvalue()) == found.backups[0].parts[0].plain_bytes
        authenticate(before.open())
    owner = read_owner(before.open())
    assert owner
    assert owner.storage_id
    assert not authenticate(before.open())


def test_after_that_nothing_without_a_tag_is_added_and_nothing_of_before_changed(before: Ours) -> None:
    authenticate(before.open())
    plain = FolderStorage(before.files)
    store(plain, segment_object(segment_name(1, 3)), io.BytesIO(LOG), before.recipient)
    with pytest.raises(ForgedObjectError, match="tag is missing"):
        opened(before.open(), segment_object(segment_name(1, 3)), before.identity)
    base = store(plain, base_of(IDS[0]), io.BytesIO(b"evil" * 1000), before.recipient)
    part = stored_part("base", base_of(IDS[0]), base)
    before_text = before.path(manifest_of(IDS[0])).read_bytes()
    manifest, sink = read_contents(before.open()).archive.backups[0], io.BytesIO()
    with pytest.raises(DamagedBackupError):
        fetch_part(before.open(), manifest.parts[0], sink, before.identity)
    assert sink.getvalue() == b""
    write_bytes(plain, manifest_of(IDS[0]), dump_manifest(replace(manifest, parts=(part,))))
    assert "tag is missing" in read_contents(before.open()).archive.damaged[IDS[0]]
    write_bytes(plain, manifest_of(IDS[0]), before_text)
    assert not read_contents(before.open()).archive.damaged


def test_the_first_backup_with_a_tag_is_proven_and_the_one_of_before_is_not(before: Ours) -> None:
    authenticate(before.open())
    remember(before.layout, before.open())
    before.ship(4)
    base = store(before.open(), base_of(IDS[1]), io.BytesIO(b"base"), before.recipient)
    manifest = manifest_at(IDS[1], 4, (stored_part("base", base_of(IDS[1]), base),), US)
    write_bytes(before.open(), manifest_of(IDS[1]), dump_manifest(manifest))
    before.list()
    assert before.contents().archive.unproven.keys() == {IDS[0]}
    entry = read_ledger(before.open())
    assert entry
    assert (
        entry.entry.backups[IDS[0]]
        == hashlib.sha256(read_bytes(before.open(), manifest_of(IDS[0]))).hexdigest()
    )
