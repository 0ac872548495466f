"""What every storage promises, on a folder and on a real S3 server."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from stock_ops.storage.folder import FolderStorage
from stock_ops.storage.storage import (
    ExistingObjectError,
    MissingObjectError,
    Storage,
    StorageError,
    read_bytes,
    write_bytes,
    write_once,
)
from tests.contract.ops.storage.conditional import ConditionalServer, conditional_writes
from tests.contract.ops.storage.s3_server import S3Server

LARGE = bytes(range(256)) * 2**16 * 3


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    found = S3Server(tmp_path_factory.mktemp("s3"))
    yield found
    found.stop()


@pytest.fixture(scope="module")
def conditional(server: S3Server) -> Iterator[ConditionalServer]:
    with conditional_writes(server) as found:
        yield found


_S3 = ("s3", "s3 with conditional writes")


@pytest.fixture(params=["folder", *(pytest.param(name, marks=pytest.mark.server) for name in _S3)])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return FolderStorage(tmp_path / "backups")
    name = "server" if request.param == "s3" else "conditional"
    server: S3Server | ConditionalServer = request.getfixturevalue(name)
    return server.storage(prefix=uuid4().hex)


def names(storage: Storage, prefix: str = "") -> list[str]:
    return [one.name for one in storage.list(prefix)]


def test_an_object_is_read_as_it_was_written(storage: Storage) -> None:
    for data in (b"", b"small", LARGE):
        write_bytes(storage, "wal/a", data)
        assert read_bytes(storage, "wal/a") == data
        found = storage.head("wal/a")
        assert found is not None
        assert found.size_bytes == len(data)


def test_what_is_written_once_is_never_replaced(storage: Storage) -> None:
    write_once(storage, "wal/a", b"first")
    for data in (b"second", b"first"):
        with pytest.raises(ExistingObjectError):
            write_once(storage, "wal/a", data)
    assert read_bytes(storage, "wal/a") == b"first"
    assert names(storage) == ["wal/a"]
    storage.delete("wal/a")
    write_once(storage, "wal/a", b"third")
    assert read_bytes(storage, "wal/a") == b"third"


def test_whether_a_storage_lets_the_first_of_two_writers_win_is_known(
    storage: Storage, request: pytest.FixtureRequest
) -> None:
    """nanio ignores If-None-Match, as some services do."""
    write_once(storage, "wal/a", b"first")
    knows = "with conditional" in request.node.name or isinstance(storage, FolderStorage)
    assert storage.keeps_first("wal/a") is knows
    assert read_bytes(storage, "wal/a") == b"first"
    assert names(storage) == ["wal/a"]


def test_what_fails_halfway_is_not_written_once(storage: Storage) -> None:
    with pytest.raises(ZeroDivisionError), storage.create_once("a") as sink:
        sink.write(b"half" * (1 // 0))
    assert names(storage) == []


@pytest.mark.server
def test_of_writers_that_come_at_once_one_writes(tmp_path: Path, conditional: ConditionalServer) -> None:
    """Each finds nothing there, and all of them write in the same moment."""
    for storage in (FolderStorage(tmp_path / "backups"), conditional.storage(prefix=uuid4().hex)):
        gate, done = threading.Barrier(8), []

        def write(number: int, storage: Storage = storage, gate: threading.Barrier = gate) -> None:
            with suppress(ExistingObjectError):
                with storage.create_once("a") as sink:
                    sink.write(b"%d" % number)
                    gate.wait()
                done.append(number)  # noqa: B023 - joined before the next round

        writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert len(done) == 1
        assert read_bytes(storage, "a") == b"%d" % done[0]


def test_an_object_is_read_in_pieces(storage: Storage) -> None:
    write_bytes(storage, "a", LARGE)
    with storage.open("a") as source:
        assert source.read(7) == LARGE[:7]
        assert source.read(3_000_000) == LARGE[7:3_000_007]


def test_nothing_is_there_that_was_not_written(storage: Storage) -> None:
    assert names(storage) == []
    assert storage.head("a") is None
    storage.delete("a")
    with pytest.raises(MissingObjectError), storage.open("a"):
        pass


def test_objects_are_listed_by_name(storage: Storage) -> None:
    for name in ("wal/2", "backups/b/base", "wal/1", "backups/a/base", "wal-1", "repository.json"):
        write_bytes(storage, name, b"")
    assert names(storage) == [
        "backups/a/base", "backups/b/base", "repository.json", "wal-1", "wal/1", "wal/2",
    ]  # fmt: skip
    assert names(storage, "wal/") == ["wal/1", "wal/2"]
    assert names(storage, "backups/b") == ["backups/b/base"]
    storage.delete("wal/1")
    assert names(storage, "wal/") == ["wal/2"]


@pytest.mark.parametrize("size", [10, len(LARGE) * 2], ids=["small", "large"])
def test_an_object_is_seen_only_when_it_is_whole(storage: Storage, size: int) -> None:
    def stop_halfway(name: str) -> None:
        with storage.create(name) as sink:
            sink.write(b"x" * size)
            raise KeyboardInterrupt

    write_bytes(storage, "kept", b"old")
    for name in ("new", "kept"):
        with pytest.raises(KeyboardInterrupt):
            stop_halfway(name)
    assert names(storage) == ["kept"]
    assert read_bytes(storage, "kept") == b"old"


def test_a_reader_has_one_whole_object_while_it_is_replaced(storage: Storage) -> None:
    stop, seen = threading.Event(), set()

    def read() -> None:
        while not stop.is_set():
            seen.add(read_bytes(storage, "a"))

    write_bytes(storage, "a", b"0" * 1000)
    reader = threading.Thread(target=read)
    reader.start()
    for digit in b"123456789":
        write_bytes(storage, "a", bytes([digit]) * 1000)
    stop.set()
    reader.join()
    assert all(len(text) == 1000 and len(set(text)) == 1 for text in seen)


def test_what_is_no_manifest_is_not_read_into_memory(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stock_ops.storage.storage._LARGEST_TEXT", 1000)
    write_bytes(storage, "a", b"x" * 1001)
    with pytest.raises(StorageError, match="far too large"):
        read_bytes(storage, "a")
