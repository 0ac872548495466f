"""A bucket that keeps versions, on moto's server: what is said of it, and what stays."""

from collections.abc import Iterator

import pytest

from stock_ops.storage.storage import ExistingObjectError, read_bytes, write_bytes, write_once
from tests.contract.ops.storage.versioned import VersionedServer, versioned_server

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VersionedServer]:
    with versioned_server(tmp_path_factory.mktemp("moto")) as found:
        found.client.create_bucket(Bucket="plain")
        found.client.create_bucket(Bucket="versions")
        found.client.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
        yield found


def test_a_bucket_with_versions_is_told_from_one_without(server: VersionedServer) -> None:
    for name, keeps in (("plain", False), ("versions", True)):
        storage = server.storage(name)
        write_once(storage, "a", b"x")
        assert storage.keeps_versions is keeps
        storage.delete("a")


def test_what_is_deleted_or_replaced_there_stays_as_a_version_and_is_not_seen(
    server: VersionedServer,
) -> None:
    storage = server.storage("versions")
    write_bytes(storage, "b", b"first")
    write_bytes(storage, "b", b"second")
    assert read_bytes(storage, "b") == b"second"
    storage.delete("b")
    assert storage.head("b") is None
    assert [one.name for one in storage.list("b")] == []
    assert server.versions("versions", "b") == 2
    write_once(storage, "b", b"third")
    assert read_bytes(storage, "b") == b"third"


def test_conditional_writes_are_seen_to_be_heeded(server: VersionedServer) -> None:
    storage = server.storage("plain")
    write_once(storage, "c", b"first")
    assert storage.keeps_first("c")
    with pytest.raises(ExistingObjectError):
        write_once(storage, "c", b"second")
    assert read_bytes(storage, "c") == b"first"
