"""Bad days of a storage: each ends in a readable error, and nothing half-written is seen."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple
from pathlib import Path

import pytest

from stock_ops.storage.folder import UNFINISHED, FolderStorage
from stock_ops.storage.storage import Storage, StorageError, read_bytes, write_bytes
from tests.contract.ops.storage.s3_server import S3Server

BIG = b"x" * 3_000_000

Act = Callable[[Storage], object]
ACTS = (
    pytest.param(lambda storage: write_bytes(storage, "a", b""), id="write"),
    pytest.param(lambda storage: read_bytes(storage, "a"), id="read"),
    pytest.param(lambda storage: list(storage.list()), id="list"),
    pytest.param(lambda storage: storage.head("a"), id="head"),
    pytest.param(lambda storage: storage.delete("a"), id="delete"),
)
_WRITE_FOR_EVER = """
import sys
from pathlib import Path
from stock_ops.storage.folder import FolderStorage
with FolderStorage(Path(sys.argv[1])).create("wal/a") as sink:
    sink.write(b"x" * 2**21)
    print("writing", flush=True)
    sys.stdin.read()
"""
_UPLOAD_FOR_EVER = """
import json, sys
from stock_ops.storage.s3 import Bucket, S3Storage
with S3Storage(Bucket(*json.loads(sys.stdin.readline()))).create("a") as sink:
    for _ in range(8):
        sink.write(b"x" * 2**24)
    print("writing", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[S3Server]:
    found = S3Server(tmp_path)
    yield found
    found.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.root
def test_a_full_disk(small_disk: Path) -> None:
    storage = FolderStorage(small_disk / "backups")
    write_bytes(storage, "a", b"kept")
    with pytest.raises(StorageError, match="is full") as caught:
        write_bytes(storage, "a", BIG)
    assert "keep_days" in caught.value.todo
    assert read_bytes(storage, "a") == b"kept"
    assert not any((small_disk / "backups" / UNFINISHED).iterdir())
    write_bytes(storage, "b", b"room again")


@pytest.mark.root
def test_a_disk_mounted_read_only(small_disk: Path) -> None:
    storage = FolderStorage(small_disk / "backups")
    write_bytes(storage, "a", b"kept")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(StorageError, match="read-only"):
        write_bytes(storage, "b", b"")
    with pytest.raises(StorageError, match="read-only"):
        storage.delete("a")
    assert read_bytes(storage, "a") == b"kept"


def test_a_disk_that_is_not_mounted_is_not_written_beside(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "disk" / "backups")
    with pytest.raises(StorageError, match="is not there"):
        write_bytes(storage, "a", b"")
    assert not (tmp_path / "disk").exists()
    assert list(storage.list()) == []


def test_a_storage_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "backups").write_text("no folder")
    with pytest.raises(StorageError):
        write_bytes(FolderStorage(tmp_path / "backups"), "a", b"")


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "a/../../b", "", ".hidden", "a//b", "a\n"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name of an object"), FolderStorage(tmp_path).create(name):
        pass


def test_what_a_killed_writer_left_is_swept_and_a_living_one_is_not(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "backups")
    command = [sys.executable, "-c", _WRITE_FOR_EVER, str(tmp_path / "backups")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        assert (storage.sweep(), list(storage.list())) == (0, [])
        writer.kill()
    assert (storage.sweep(), list(storage.list())) == (1, [])


@pytest.mark.server
@pytest.mark.parametrize("act", ACTS)
def test_a_service_that_is_not_there(server: S3Server, act: Act) -> None:
    server.kill()
    with pytest.raises(StorageError, match="cannot be reached"):
        act(server.storage(timeout_s=2))


@pytest.mark.server
def test_a_service_that_dies_in_the_middle_of_an_upload(server: S3Server) -> None:
    storage = server.storage(timeout_s=2)

    def upload() -> None:
        with storage.create("a") as sink:
            sink.write(BIG * 12)
            server.kill()
            sink.write(BIG * 12)

    with pytest.raises(StorageError, match="cannot be reached"):
        upload()
    server.start()
    assert list(storage.list()) == []
    write_bytes(storage, "a", BIG)
    assert read_bytes(storage, "a") == BIG


@pytest.mark.server
@pytest.mark.parametrize("act", ACTS)
def test_a_service_that_says_nothing(server: S3Server, act: Act) -> None:
    storage = server.storage(timeout_s=1)
    write_bytes(storage, "kept", b"")
    server.pause()
    begun = time.monotonic()
    with pytest.raises(StorageError, match="does not answer in time"):
        act(storage)
    assert time.monotonic() - begun < 20
    server.resume()
    assert read_bytes(storage, "kept") == b""


@pytest.mark.server
def test_a_service_that_falls_silent_in_the_middle_of_a_download(server: S3Server) -> None:
    write_bytes(server.storage(), "a", BIG * 12)
    storage = server.storage(timeout_s=1)

    def download() -> None:
        with storage.open("a") as source:
            source.read(10)
            server.kill()
            while source.read(1_000_000):
                pass

    with pytest.raises(StorageError):
        download()


@pytest.mark.server
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("wrong", ["access_key_id", "secret_access_key"])
def test_wrong_keys_are_said_and_not_shown(server: S3Server, wrong: str, act: Act) -> None:
    with pytest.raises(StorageError, match="refuses the keys") as caught:
        act(server.storage(**{wrong: "N0T-THE-K3Y"}))
    assert "N0T-THE-K3Y" not in caught.value.why + caught.value.todo + repr(server.bucket)


@pytest.mark.server
def test_a_bucket_that_is_not_there(server: S3Server) -> None:
    (server.data / "backups").rmdir()
    with pytest.raises(StorageError, match="There is no bucket backups"):
        write_bytes(server.storage(), "a", b"")


@pytest.mark.server
def test_keys_are_never_sent_in_the_clear_to_another_machine(server: S3Server) -> None:
    with pytest.raises(StorageError, match="in the clear"):
        server.storage(endpoint="http://s3.example.com")


@pytest.mark.server
def test_what_a_killed_writer_sent_to_a_service_is_not_seen(server: S3Server) -> None:
    storage = server.storage()
    command = [sys.executable, "-c", _UPLOAD_FOR_EVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write(json.dumps(astuple(server.bucket)).encode() + b"\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == b"writing\n"
        assert list(storage.list()) == []
        writer.kill()
    assert server.parts()
    assert list(storage.list()) == []
    assert storage.head("a") is None
