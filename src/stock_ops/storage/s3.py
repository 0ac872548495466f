"""Backups in a bucket of an S3-compatible service."""

import io
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO, cast

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from stock_ops.storage.storage import ExistingObjectError, MissingObjectError, StorageError, StoredObject

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_PART_BYTES = 16 * 2**20
"""S3 takes 10,000 parts, so an object may have 160 GB."""
_PARTS_AT_ONCE = 3
_READ_BYTES = 2**20
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where, and with which keys."""

    name: str
    prefix: str
    endpoint: str
    """Empty: Amazon's own."""
    region: str
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    timeout_s: float = 30.0
    """For one answer to begin, and for each piece of it."""


class S3Storage:
    """One key an object. The service shows an object when its upload is complete, and not before.

    A writer that is killed leaves parts that nobody sees; a lifecycle rule of the bucket removes them.
    """

    def __init__(self, bucket: Bucket) -> None:
        host = urllib.parse.urlsplit(bucket.endpoint).hostname
        if bucket.endpoint.startswith("http://") and host not in _LOOPBACK:
            raise StorageError(
                f"{bucket.endpoint} would send the keys of the storage in the clear.",
                "Write https:// in s3_endpoint in backup.toml.",
            )
        self._bucket = bucket
        patience = timedelta(seconds=bucket.timeout_s)
        self._store = S3Store(
            bucket.name,
            prefix=bucket.prefix or None,
            endpoint=bucket.endpoint or None,
            region=bucket.region,
            access_key_id=bucket.access_key_id,
            secret_access_key=bucket.secret_access_key,
            virtual_hosted_style_request=not bucket.endpoint,
            client_options={
                "allow_http": bucket.endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=min(5.0, bucket.timeout_s)),
                "read_timeout": patience,
            },
            retry_config={"max_retries": 3, "retry_timeout": patience},
        )

    @property
    def authority(self) -> None:
        """Nothing is checked here: see AuthenticStorage."""
        return None

    @property
    def where(self) -> str:
        """The bucket as s3://bucket/prefix."""
        return f"s3://{self._bucket.name}/{self._bucket.prefix}".rstrip("/")

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """The objects, by name."""
        folder = prefix.rpartition("/")[0]
        with self._in_words():
            pages = obstore.list(self._store, folder or None, chunk_size=1000)
            found = sorted(
                (
                    StoredObject(one["path"], one["size"], one["last_modified"])
                    for page in pages
                    for one in page
                ),
                key=lambda one: one.name,
            )
        return (one for one in found if one.name.startswith(prefix))

    def head(self, name: str) -> StoredObject | None:
        """The object without its content."""
        with self._in_words():
            try:
                found = obstore.head(self._store, name)
            except FileNotFoundError:
                return None
        return StoredObject(name, found["size"], found["last_modified"])

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Read the object."""
        with self._in_words():
            try:
                pieces = iter(obstore.get(self._store, name).stream(min_chunk_size=_READ_BYTES))
            except FileNotFoundError:
                raise MissingObjectError(name) from None
        with io.BufferedReader(_Source(self, pieces), _READ_BYTES) as source:
            yield source

    @contextmanager
    def create(self, name: str) -> Iterator[BinaryIO]:
        """Write the object; one that an exception leaves unfinished is never shown."""
        with self._in_words():
            writer = obstore.open_writer(
                self._store, name, buffer_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
            )
        sink = _Sink(self, writer)
        yield cast("BinaryIO", sink)
        with self._in_words():
            writer.close()

    @contextmanager
    def create_once(self, name: str) -> Iterator[BinaryIO]:
        """Write the object unless there is one; it is gathered in memory. If-None-Match sees to it."""
        sink = io.BytesIO()
        yield sink
        if self.head(name):
            raise ExistingObjectError(name)
        with self._in_words():
            try:
                obstore.put(self._store, name, sink.getvalue(), mode="create", use_multipart=False)
            except AlreadyExistsError:
                raise ExistingObjectError(name) from None

    def delete(self, name: str) -> None:
        """Remove the object."""
        with self._in_words():
            try:
                obstore.delete(self._store, name)
            except FileNotFoundError:
                return

    def free_bytes(self) -> int | None:
        """Buckets have no end that could be asked for."""
        return None

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            raise self.refuse(error) from error

    def refuse(self, error: Exception) -> StorageError:
        """The error in words."""
        told = " ".join(str(error).split())
        denied = isinstance(error, PermissionDeniedError | UnauthenticatedError)
        if denied or "403 Forbidden" in told:  # a list and an upload are refused with general errors
            return StorageError(
                f"{self.where} refuses the keys.",
                "Correct access_key_id and secret_access_key in config/backup-credentials.toml, "
                "and check that they may list, read, write and delete there.",
            )
        if "NoSuchBucket" in told:
            return StorageError(
                f"There is no bucket {self._bucket.name}.", "Make it, or correct `storage` in backup.toml."
            )
        for sign, (reason, todo) in _SIGNS.items():
            if sign in told:
                return StorageError(f"{self.where} {reason}.", todo)
        return StorageError(
            f"{self.where} fails: {told[:200]}",
            "Check the service; an incomplete upload does not count as a backup.",
        )


_SIGNS = {
    "TimedOut": ("does not answer in time", "Check the network and the service; then try again."),
    "error sending request": (
        "cannot be reached, or does not answer in time",
        "Check the network, and s3_endpoint in backup.toml; then try again.",
    ),
    "507": ("is full", "Make room there, or shorten keep_days in backup.toml and prune."),
    "503": ("is overloaded", "Wait, then try again."),
}


class _Source(io.RawIOBase):
    """The pieces of an answer as a file."""

    def __init__(self, storage: S3Storage, pieces: Iterator["ReadableBuffer"]) -> None:
        self._storage, self._pieces, self._ready = storage, pieces, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        target = memoryview(buffer)
        while not self._ready:
            try:
                self._ready = memoryview(next(self._pieces))
            except StopIteration:
                return 0
            except (BaseError, OSError) as error:
                raise self._storage.refuse(error) from error
        size = min(len(target), len(self._ready))
        target[:size], self._ready = self._ready[:size], self._ready[size:]
        return size


class _Sink(io.RawIOBase):
    """An upload as a file; it is completed by its maker, not by its end."""

    def __init__(self, storage: S3Storage, writer: "obstore.WritableFile") -> None:
        self._storage, self._writer = storage, writer

    def writable(self) -> bool:
        return True

    def write(self, data: "ReadableBuffer") -> int:
        try:
            return self._writer.write(bytes(data))
        except (BaseError, OSError) as error:
            raise self._storage.refuse(error) from error
