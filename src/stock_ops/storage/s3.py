"""Backups in a bucket of an S3-compatible service."""

import io
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO, cast

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from stock_ops.kit.errors import OpsError
from stock_ops.storage.s3_answers import Asked, explain, kind_of, read_answer
from stock_ops.storage.storage import (
    ExistingObjectError,
    MissingObjectError,
    StorageError,
    StoredObject,
    read_bytes,
)

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer
    from obstore.store import S3Credential

_PART_BYTES = 16 * 2**20
"""S3 takes 10,000 parts, so an object may have 160 GB."""
_PARTS_AT_ONCE = 3
_READ_BYTES = 2**20
_KEYS_LAST = timedelta(minutes=10)
"""Then keys are read again: the client asks some minutes earlier, and after any failure a new one begins."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Keys:
    """What signs the requests."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    """Empty where the keys are not temporary."""


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where the keys come from. They are read again after a while, for they may be renewed meanwhile."""

    told: str
    """For people."""
    read: Callable[[], Keys] | None = None
    """Raises OpsError. None: the machine's own identity, which the client asks for and renews by itself."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where, and with which keys."""

    name: str
    prefix: str
    endpoint: str
    """Empty: Amazon's own."""
    region: str
    access_key_id: str = field(default="", repr=False)
    secret_access_key: str = field(default="", repr=False)
    timeout_s: float = 30.0
    """For one answer to begin, and for each piece of it."""
    authority: str = ""
    """PEM of one that vouches for the service besides the known ones."""


class S3Storage:
    """One key an object. The service shows an object when its upload is complete, and not before.

    A writer that is killed leaves parts that nobody sees; a lifecycle rule of the bucket removes them.
    """

    def __init__(self, bucket: Bucket, keys: KeySource | None = None) -> None:
        host = urllib.parse.urlsplit(bucket.endpoint).hostname
        if bucket.endpoint.startswith("http://") and host not in _LOOPBACK:
            raise StorageError(
                f"{bucket.endpoint} would send the keys of the storage in the clear.",
                "Write https:// in s3_endpoint in backup.toml.",
            )
        self._bucket, self._keys = bucket, keys or _keys_of(bucket)
        self._trouble_of_keys: OpsError | None = None
        self._keeps_versions: bool | None = None
        patience = timedelta(seconds=bucket.timeout_s)
        endpoint = bucket.endpoint or f"https://{bucket.name}.s3.{bucket.region}.amazonaws.com"
        self._store = S3Store(
            bucket.name,
            prefix=bucket.prefix or None,
            # Both, for the client would else prefer what the environment names.
            endpoint=endpoint,
            aws_endpoint_url_s3=endpoint,
            region=bucket.region,
            skip_signature=False,
            checksum_algorithm="SHA256",
            virtual_hosted_style_request=not bucket.endpoint,
            credential_provider=self._read_keys if self._keys.read else None,
            client_options={
                "allow_http": bucket.endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=min(5.0, bucket.timeout_s)),
                "read_timeout": patience,
                **({"root_certificate": bucket.authority} if bucket.authority else {}),
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
            except (BaseError, OSError) as error:
                # An answer to HEAD has no body, so it does not say why, nor whether the bucket is there.
                if _is_unanswered(error):
                    raise
                if (
                    reason := self._ask_why(name)
                ) is None:  # it came meanwhile, or the service changed its mind
                    found = obstore.head(self._store, name)
                elif _is_missing(reason):
                    return None
                else:
                    raise reason from error
        self._note_version(found.get("version"))
        return StoredObject(name, found["size"], found["last_modified"])

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Read the object."""
        with self._in_words():
            try:
                pieces = iter(obstore.get(self._store, name).stream(min_chunk_size=_READ_BYTES))
            except FileNotFoundError as error:
                if not _is_missing(error):
                    raise
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
                self._put_first(name, sink.getvalue())
            except AlreadyExistsError as error:
                if kind_of(read_answer(str(error))) == "conflict" and self.head(name) is None:
                    raise
                raise ExistingObjectError(name) from None
            except (BaseError, OSError) as error:
                if not _is_unknown_to_service(error):
                    raise
                self._note_version(obstore.put(self._store, name, sink.getvalue()).get("version"))

    def keeps_first(self, name: str) -> bool:
        """Whether it heeds If-None-Match: the object is written again as it is, which must fail."""
        data = read_bytes(self, name)
        with self._in_words():
            try:
                self._put_first(name, data)
            except AlreadyExistsError:
                return True
            except (BaseError, OSError) as error:
                if not _is_unknown_to_service(error):
                    raise
        return False

    @property
    def keeps_versions(self) -> bool | None:
        """Whether what is deleted or replaced stays as an old version; None: not seen yet."""
        return self._keeps_versions

    def delete(self, name: str) -> None:
        """Remove the object."""
        with self._in_words():
            try:
                obstore.delete(self._store, name)
            except FileNotFoundError as error:
                if not _is_missing(error):
                    raise

    def free_bytes(self) -> int | None:
        """Buckets have no end that could be asked for."""
        return None

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            raise self.refuse(error) from error
        except BaseException as error:
            if type(error).__name__ == "PanicException":  # of the client, over an answer that makes no sense
                raise self.refuse(error) from error
            raise

    def refuse(self, error: BaseException) -> StorageError:
        """The error in words."""
        trouble, self._trouble_of_keys = self._trouble_of_keys, None
        if trouble is not None:
            return StorageError(f"There are no keys to {self.where}: {trouble.why}", trouble.todo)
        asked = Asked(self.where, self._bucket.name, self._bucket.region, self._keys.told)
        return explain(read_answer(str(error)), asked)

    def _put_first(self, name: str, data: bytes) -> None:
        found = obstore.put(self._store, name, data, mode="create", use_multipart=False)
        self._note_version(found.get("version"))

    def _note_version(self, version: str | None) -> None:
        self._keeps_versions = version not in (None, "null")

    def _ask_why(self, name: str) -> Exception | None:
        """The same question with an answer that has a body; None: it is there after all."""
        try:
            obstore.get_range(self._store, name, start=0, end=1)
        except (BaseError, OSError) as error:
            return error
        return None

    def _read_keys(self) -> "S3Credential":
        if self._keys.read is None:
            raise TypeError("the machine's own identity has no keys to read")
        try:
            found = self._keys.read()
        except OpsError as error:
            self._trouble_of_keys = error
            raise
        self._trouble_of_keys = None
        return {
            "access_key_id": found.access_key_id,
            "secret_access_key": found.secret_access_key,
            "token": found.session_token or None,
            "expires_at": datetime.now(UTC) + _KEYS_LAST,
        }


def _keys_of(bucket: Bucket) -> KeySource:
    keys = Keys(bucket.access_key_id, bucket.secret_access_key)
    return KeySource("given", lambda: keys)


def _is_missing(error: Exception) -> bool:
    """Whether just the object is not there, rather than the whole bucket."""
    answer = read_answer(str(error))
    return isinstance(error, FileNotFoundError) and answer.code in {"", "NoSuchKey", "NotFound"}


def _is_unanswered(error: Exception) -> bool:
    return not isinstance(error, FileNotFoundError) and read_answer(str(error)).status is None


def _is_unknown_to_service(error: Exception) -> bool:
    """Whether the service says that it knows no conditional writes."""
    return read_answer(str(error)).code in {"NotImplemented", "XNotImplemented"}


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
