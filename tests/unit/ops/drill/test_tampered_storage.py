"""A damaged view of a storage: it shows just the damage that was asked for, and never writes."""

from pathlib import Path

import pytest

from stock_ops.drill.plans.damages import Cut, Flipped, Lost, Plain, Rewritten, Swapped
from stock_ops.drill.runners.tampered import TamperedStorage
from stock_ops.storage.folder import FolderStorage
from stock_ops.storage.storage import MissingObjectError, Storage, StorageError, read_bytes, write_bytes

TEXTS = {"a/one": bytes(range(256)) * 20_000, "a/two": b"two" * 7, "b/three": b"three"}


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    """Three objects, the first one larger than any buffer."""
    found = FolderStorage(tmp_path / "storage")
    for name, data in TEXTS.items():
        write_bytes(found, name, data)
    return found


def texts(storage: Storage) -> dict[str, bytes]:
    return {one.name: read_bytes(storage, one.name) for one in storage.list()}


def sizes(storage: Storage) -> dict[str, int]:
    listed = {one.name: one.size_bytes for one in storage.list()}
    heads = {name: found.size_bytes for name in TEXTS if (found := storage.head(name))}
    assert listed == heads
    return listed


def test_a_cut_object_ends_early_and_is_listed_so(storage: FolderStorage) -> None:
    tampered = TamperedStorage(storage, Cut("a/one", 2_000_001))
    assert texts(tampered) == {**TEXTS, "a/one": TEXTS["a/one"][:2_000_001]}
    assert sizes(tampered)["a/one"] == 2_000_001


@pytest.mark.parametrize("at", [0, 1_048_575, 1_048_576, 4_000_000, 5_119_999])
def test_one_bit_is_flipped_wherever_it_lies_and_the_size_stays(storage: FolderStorage, at: int) -> None:
    tampered = TamperedStorage(storage, Flipped("a/one", at))
    expected = bytearray(TEXTS["a/one"])
    expected[at] ^= 1
    assert texts(tampered) == {**TEXTS, "a/one": bytes(expected)}
    assert sizes(tampered) == sizes(storage)


def test_a_lost_object_is_not_listed_and_cannot_be_opened(storage: FolderStorage) -> None:
    tampered = TamperedStorage(storage, Lost("a/two"))
    assert texts(tampered) == {name: data for name, data in TEXTS.items() if name != "a/two"}
    assert tampered.head("a/two") is None
    with pytest.raises(MissingObjectError), tampered.open("a/two"):
        pass


def test_swapped_objects_hold_each_others_content_under_their_own_sizes(storage: FolderStorage) -> None:
    tampered = TamperedStorage(storage, Swapped("a/one", "b/three"))
    assert texts(tampered) == {**TEXTS, "a/one": TEXTS["b/three"], "b/three": TEXTS["a/one"]}
    assert sizes(tampered) == sizes(storage)


def test_a_rewritten_object_holds_the_other_text(storage: FolderStorage) -> None:
    tampered = TamperedStorage(storage, Rewritten("b/three", b"another"))
    assert texts(tampered) == {**TEXTS, "b/three": b"another"}
    assert sizes(tampered)["b/three"] == 7


def test_a_listing_of_a_prefix_is_that_of_the_storage(storage: FolderStorage) -> None:
    tampered = TamperedStorage(storage, Lost("b/three"))
    assert [one.name for one in tampered.list("a/")] == ["a/one", "a/two"]


@pytest.mark.parametrize(
    "damage", [Cut("a/one", 5), Flipped("a/one", 5), Lost("a/one"), Swapped("a/one", "a/two")]
)
def test_nothing_is_written_whatever_is_tried(storage: FolderStorage, damage: Plain) -> None:
    tampered = TamperedStorage(storage, damage)
    texts(tampered)
    with pytest.raises(StorageError, match="a/new was not changed"), tampered.create("a/new"):
        pass
    with pytest.raises(StorageError, match="a/one was not changed"):
        tampered.delete("a/one")
    assert texts(storage) == TEXTS


def test_an_object_that_was_not_there_is_added(storage: FolderStorage) -> None:
    tampered = TamperedStorage(storage, Rewritten("b/added", b"new"))
    assert texts(tampered) == {**TEXTS, "b/added": b"new"}
    assert [one.name for one in tampered.list("b/")] == ["b/three", "b/added"]
    found = tampered.head("b/added")
    assert found
    assert found.size_bytes == 3
    assert tampered.head("b/other") is None
