"""What the ledger of the first storage means for a copy: only what it retires goes there."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from stock_ops.backup.runners.copy import Copier
from stock_ops.storage.authentic import AuthenticStorage
from stock_ops.storage.authority import ForgedObjectError
from stock_ops.storage.facts.contents import Contents, read_contents
from stock_ops.storage.facts.place import open_storage
from stock_ops.storage.known import remember
from stock_ops.storage.ledger import add_entry, dump_entry, read_ledger
from stock_ops.storage.objects import folder_of, ledger_object
from tests.unit.ops.storage.test_authenticity import IDS, Ours


class Copied(Ours):
    """An instance's storage, and a copy of it beside."""

    @property
    def copy(self) -> AuthenticStorage:
        settings = replace(self.settings, storage=str(self.root / "copy"))
        return open_storage(self.layout, settings, {})

    def sync(self) -> None:
        """One round, as the part does it."""
        copier = Copier(self.open(), self.copy, dict)
        copier.hold(known=False)
        plan = copier.look()
        copier.ship_log((*plan.log, *plan.ledger))
        for one in plan.backups:
            assert copier.ship_backup(one)
        copier.prune()

    def retire(self, backup: str) -> None:
        """As a prune of the first storage does."""
        held = self.open()
        remember(self.layout, held, add_entry(held, retire=[backup]))
        shutil.rmtree(self.path(folder_of(backup)))

    def in_copy(self) -> list[str]:
        """The backups whose files are there."""
        return sorted(path.name for path in (self.root / "copy" / "backups").iterdir() if any(path.iterdir()))

    def seen_in_copy(self) -> Contents:
        return read_contents(self.copy, self.identity)


@pytest.fixture
def copied(tmp_path: Path) -> Copied:
    """Two backups in both."""
    ours = Copied(tmp_path)
    (tmp_path / "copy").mkdir()
    ours.begin()
    for number in (0, 1):
        ours.back_up(number)
    ours.sync()
    assert ours.in_copy() == list(IDS)
    assert not ours.seen_in_copy().archive.unproven
    return ours


def test_a_backup_that_the_first_storage_retired_goes_from_the_copy(copied: Copied) -> None:
    copied.retire(IDS[0])
    copied.sync()
    assert copied.in_copy() == [IDS[1]]
    seen = copied.seen_in_copy().archive
    assert [one.id for one in seen.backups] == [IDS[1]]
    assert not seen.damaged
    assert not seen.findings


def test_what_somebody_takes_away_from_the_first_storage_stays_in_the_copy(copied: Copied) -> None:
    shutil.rmtree(copied.path(folder_of(IDS[0])))
    copied.sync()
    assert copied.in_copy() == list(IDS)
    assert [one.id for one in copied.seen_in_copy().archive.backups] == list(IDS)


def test_an_entry_of_somebody_else_that_retires_everything_deletes_nothing_in_the_copy(
    copied: Copied,
) -> None:
    before = read_ledger(copied.open())
    assert before
    entry = replace(
        before.entry, number=before.entry.number + 1, previous=before.digest, retired=frozenset(IDS)
    )
    copied.path(ledger_object(entry.number)).write_bytes(dump_entry(entry))
    with pytest.raises(ForgedObjectError, match="tag is missing"):
        copied.sync()
    assert copied.in_copy() == list(IDS)
    assert not (copied.root / "copy" / ledger_object(entry.number)).exists()


def test_the_same_entry_in_the_copy_alone_deletes_nothing(copied: Copied) -> None:
    before = read_ledger(copied.copy)
    assert before
    entry = replace(
        before.entry, number=before.entry.number + 1, previous=before.digest, retired=frozenset(IDS)
    )
    (copied.root / "copy" / ledger_object(entry.number)).write_bytes(dump_entry(entry))
    with pytest.raises(ForgedObjectError, match="tag is missing"):
        copied.sync()
    assert copied.in_copy() == list(IDS)
