"""From data to an object and back: zstd, then age, with a checksum at each hop.

Formats are standard: `age -d -i KEY < OBJECT | zstd -d` opens an object without this program.
"""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

import pyrage
import zstandard

from stock_ops.kit.errors import DamagedBackupError
from stock_ops.storage.keys import WrongKeyError
from stock_ops.storage.storage import MissingObjectError, Storage

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

LEVEL = 1
"""Of zstd: level 3 makes bars 4 % smaller and takes twice the time."""

_CHUNK_BYTES = 2**20
_THREADS = 2


@dataclass(frozen=True, slots=True)
class Sealed:
    """Sizes and SHA-256 on both sides of the envelope."""

    plain_bytes: int
    plain_sha256: str
    stored_bytes: int
    stored_sha256: str


class DamagedObjectError(Exception):
    """An object that differs from what was written; the text says how."""


def seal(source: BinaryIO, sink: BinaryIO, recipient: str, level: int = LEVEL) -> Sealed:
    """Compress and encrypt everything that can be read from `source`; memory does not grow with it.

    recipient: an age public key (age1...). Raises what source and sink raise.
    """
    plain = _Meter(source)
    stored = _Meter(sink)
    compressor = zstandard.ZstdCompressor(level=level, threads=_THREADS, write_checksum=True)
    with compressor.stream_reader(cast("BinaryIO", plain), read_size=_CHUNK_BYTES) as packed:
        ends = _Ends(packed.read, stored.write)
        try:
            pyrage.encrypt_io(ends, ends, [pyrage.x25519.Recipient.from_str(recipient)])
            ends.flush()
        except (OSError, pyrage.EncryptError) as error:
            raise ends.cause or error from None
    return Sealed(plain.count, plain.sha256, stored.count, stored.sha256)


def unseal(source: BinaryIO, sink: BinaryIO, identity: str) -> Sealed:
    """Decrypt and decompress an object to its last byte; memory does not grow with it.

    identity: an age private key (AGE-SECRET-KEY-1...).
    Raises DamagedObjectError for anything that is not exactly what was sealed, by then a part of it may have
    been written; WrongKeyError when it was sealed for another key.
    """
    stored = _Meter(source)
    plain = _Meter(sink)
    unpack = zstandard.ZstdDecompressor().decompressobj()
    ends = _Ends(stored.read, lambda data: plain.write(unpack.decompress(data)))
    try:
        pyrage.decrypt_io(ends, ends, [pyrage.x25519.Identity.from_str(identity)])
        ends.flush()
    except (OSError, pyrage.DecryptError, zstandard.ZstdError) as error:
        raise _explained(ends.cause or error) from error
    if not unpack.eof or unpack.unused_data:
        raise DamagedObjectError("its compressed data end too early or too late")
    return Sealed(plain.count, plain.sha256, stored.count, stored.sha256)


def store(storage: Storage, name: str, source: BinaryIO, recipient: str, level: int = LEVEL) -> Sealed:
    """Seal what `source` gives as an object; it is there only if all of it could be read."""
    with storage.create(name) as sink:
        return seal(source, sink, recipient, level)


def store_once(storage: Storage, name: str, source: BinaryIO, recipient: str) -> Sealed:
    """As `store`, for a small object that never replaces another. Raises ExistingObjectError."""
    with storage.create_once(name) as sink:
        return seal(source, sink, recipient)


def fetch(storage: Storage, name: str, sink: BinaryIO, identity: str) -> Sealed:
    """Open an object. Raises DamagedBackupError naming it, WrongKeyError, StorageError."""
    try:
        with storage.open(name) as source:
            return unseal(source, sink, identity)
    except MissingObjectError:
        raise DamagedBackupError(f"{name} is missing in {storage.where}.", _OTHER) from None
    except DamagedObjectError as error:
        raise DamagedBackupError(f"{name} in {storage.where} is damaged: {error}.", _OTHER) from error


_OTHER = "Use an older backup (stockops backup list), or another copy of the storage (--storage)."


class _Meter:
    """Counts and hashes the bytes that pass."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._hash, self.count = stream, hashlib.sha256(), 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._note(data)
        return data

    def write(self, data: "ReadableBuffer") -> None:
        self._stream.write(data)
        self._note(data)

    def _note(self, data: "ReadableBuffer") -> None:
        self._hash.update(data)
        self.count += memoryview(data).nbytes


class _Ends(io.RawIOBase):
    """Both ends that the age library works between; it turns their errors into its own, so they are kept."""

    def __init__(self, take: Callable[[int], bytes], give: Callable[[bytes], object]) -> None:
        self._take, self._give = take, give
        self._ready, self._gathered = memoryview(b""), bytearray()
        self.cause: BaseException | None = None

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            if not self._ready:
                self._ready = memoryview(self._take(_CHUNK_BYTES))
        except BaseException as error:
            self.cause = error
            raise
        part, self._ready = self._ready[:size], self._ready[size:]
        return bytes(part)

    def write(self, data: "ReadableBuffer") -> int:
        self._gathered += data
        if len(self._gathered) >= _GATHERED_BYTES:
            self.flush()
        return memoryview(data).nbytes

    def flush(self) -> None:
        data, self._gathered = bytes(self._gathered), bytearray()
        try:
            if data:
                self._give(data)
        except BaseException as error:
            self.cause = error
            raise


_GATHERED_BYTES = 64 * 2**10
"""A slice of compressed data this small cannot unfold to more than memory holds."""


def _explained(error: BaseException) -> BaseException:
    if isinstance(error, pyrage.DecryptError) and "No matching keys" in str(error):
        return WrongKeyError()
    if isinstance(error, zstandard.ZstdError):
        return DamagedObjectError(f"its compressed data make no sense ({error})")
    if isinstance(error, pyrage.DecryptError):
        return DamagedObjectError("it does not begin as a sealed object does")
    if type(error) is OSError and error.errno is None:
        return DamagedObjectError("it was changed, cut off or lengthened after it was sealed")
    return error
