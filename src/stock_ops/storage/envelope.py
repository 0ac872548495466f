"""From data to an object and back: zstd, then age, with a checksum at each hop.

Formats are standard: `age -d -i KEY < OBJECT | zstd -d` opens an object without this program.
"""

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, cast

import pyrage
import zstandard

from stock_ops.kit.errors import DamagedBackupError
from stock_ops.storage.keys import WrongKeyError
from stock_ops.storage.storage import MissingObjectError, Storage
from stock_ops.storage.tags import FRAME_BYTES, is_log, split_frame

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

LEVEL = 1
"""Of zstd: level 3 makes bars 4 % smaller and takes twice the time."""

BLOCK_BYTES = 4 * 2**20
"""A part of a backup is authenticated in pieces of this size of its stored bytes."""

_CHUNK_BYTES = 2**20
_THREADS = 2
_LARGEST_LOG = 64 * 2**20
"""Of a sealed segment: four times what it can take."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Sizes and SHA-256 on both sides of the envelope."""

    plain_bytes: int
    plain_sha256: str
    stored_bytes: int
    stored_sha256: str
    stored_blocks: tuple[str, ...] = ()
    """SHA-256 of each piece of BLOCK_BYTES of the stored bytes; empty where they were not asked for."""


class DamagedObjectError(Exception):
    """An object that differs from what was written; the text says how."""


def seal(
    source: BinaryIO, sink: BinaryIO, recipient: str, level: int = LEVEL, *, in_blocks: bool = False
) -> Sealed:
    """Compress and encrypt everything that can be read from `source`; memory does not grow with it.

    recipient: an age public key (age1...). Raises what source and sink raise.
    """
    plain = _Meter(source)
    stored = _BlockMeter(sink) if in_blocks else _Meter(sink)
    with _compressor(level).stream_reader(cast("BinaryIO", plain), read_size=_CHUNK_BYTES) as packed:
        _encrypt(packed.read, stored.write, recipient)
    return _sealed(plain, stored)


def seal_log(source: BinaryIO, sink: BinaryIO, recipient: str, frame: Callable[[bytes], bytes]) -> Sealed:
    """As `seal`, for log: it is compressed as a whole, and framed before it is encrypted."""
    plain, stored = _Meter(source), _Meter(sink)
    framed = io.BytesIO(frame(_compressor(LEVEL).compress(plain.read())))
    _encrypt(framed.read, stored.write, recipient)
    return _sealed(plain, stored)


def unseal(source: BinaryIO, sink: BinaryIO, identity: str) -> Sealed:
    """Decrypt and decompress an object to its last byte; memory does not grow with it.

    identity: an age private key (AGE-SECRET-KEY-1...).
    Raises DamagedObjectError for anything that is not exactly what was sealed, by then a part of it may have
    been written; WrongKeyError when it was sealed for another key.
    """
    stored, plain = _Meter(source), _Meter(sink)
    unpack = _Unpack(plain)
    _decrypt(stored.read, unpack.write, identity)
    unpack.finish()
    return _sealed(plain, stored)


def unseal_log(source: BinaryIO, sink: BinaryIO, identity: str, check: Callable[[bytes], bytes]) -> Sealed:
    """As `unseal`, for log: what was encrypted is checked as a whole, and only then unpacked.

    check: returns the compressed data in what it is given, or raises.
    """
    stored, plain = _Meter(source), _Meter(sink)
    framed = _Gathered()
    _decrypt(stored.read, framed.write, identity)
    compressed, unpack = io.BytesIO(check(bytes(framed.data))), _Unpack(plain)
    try:
        while piece := compressed.read(_GATHERED_BYTES):
            unpack.write(piece)
    except zstandard.ZstdError as error:
        raise _explained(error) from error
    unpack.finish()
    return _sealed(plain, stored)


def store(storage: Storage, name: str, source: BinaryIO, recipient: str) -> Sealed:
    """Seal what `source` gives as an object; it is there only if all of it could be read."""
    with storage.create(name) as sink:
        return _seal_as(storage, name, source, sink, recipient)


def store_once(storage: Storage, name: str, source: BinaryIO, recipient: str) -> Sealed:
    """As `store`, for a small object that never replaces another. Raises ExistingObjectError."""
    with storage.create_once(name) as sink:
        return _seal_as(storage, name, source, sink, recipient)


def _seal_as(storage: Storage, name: str, source: BinaryIO, sink: BinaryIO, recipient: str) -> Sealed:
    authority = storage.authority
    if authority and is_log(name):
        return seal_log(source, sink, recipient, partial(authority.frame_log, name))
    return seal(source, sink, recipient, in_blocks=True)


def fetch(storage: Storage, name: str, sink: BinaryIO, identity: str) -> Sealed:
    """Open an object of the log. Raises DamagedBackupError naming it, WrongKeyError, StorageError."""
    with opened(storage, name) as source:
        if storage.authority:
            return unseal_log(source, sink, identity, partial(storage.authority.open_log, name))
        return unseal(source, sink, identity)


@contextmanager
def opened(storage: Storage, name: str) -> Iterator[BinaryIO]:
    """An object that is read. Raises DamagedBackupError naming it when it is missing or damaged."""
    try:
        with storage.open(name) as source:
            yield source
    except MissingObjectError:
        raise DamagedBackupError(f"{name} is missing in {storage.where}.", _OTHER) from None
    except DamagedObjectError as error:
        raise DamagedBackupError(f"{name} in {storage.where} is damaged: {error}.", _OTHER) from error


_OTHER = "Use an older backup (stockops backup list), or another copy of the storage (--storage)."


def _compressor(level: int) -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(level=level, threads=_THREADS, write_checksum=True)


def _encrypt(take: Callable[[int], bytes], give: Callable[[bytes], object], recipient: str) -> None:
    ends = _Ends(take, give)
    try:
        pyrage.encrypt_io(ends, ends, [pyrage.x25519.Recipient.from_str(recipient)])
        ends.flush()
    except (OSError, pyrage.EncryptError) as error:
        raise ends.cause or _interrupt(error) or error from None


def _decrypt(take: Callable[[int], bytes], give: Callable[[bytes], object], identity: str) -> None:
    ends = _Ends(take, give)
    try:
        pyrage.decrypt_io(ends, ends, [pyrage.x25519.Identity.from_str(identity)])
        ends.flush()
    except (OSError, pyrage.DecryptError, zstandard.ZstdError) as error:
        raise _explained(ends.cause or _interrupt(error) or error) from error


def _interrupt(error: BaseException) -> BaseException | None:
    """One that came while the library had just called us, which it tells by name alone."""
    return KeyboardInterrupt() if str(error).startswith(KeyboardInterrupt.__name__) else None


def _sealed(plain: "_Meter", stored: "_Meter") -> Sealed:
    return Sealed(plain.count, plain.sha256, stored.count, stored.sha256, stored.blocks)


class _Gathered:
    """Decrypted log, as a whole."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> None:
        self.data += data
        if len(self.data) > _LARGEST_LOG:
            raise DamagedObjectError("it is far too large for a segment of the log")


class _Unpack:
    """Decompresses what passes; a frame with a tag before it is skipped."""

    def __init__(self, sink: "_Meter") -> None:
        self._sink, self._head = sink, b""
        self._unpack = zstandard.ZstdDecompressor().decompressobj()
        self._begun = False

    def write(self, data: bytes) -> None:
        if self._begun:
            self._sink.write(self._unpack.decompress(data))
            return
        self._head += data
        if len(self._head) >= FRAME_BYTES:
            self._begin()

    def finish(self) -> None:
        try:
            if not self._begun:
                self._begin()
        except zstandard.ZstdError as error:
            raise _explained(error) from error
        if not self._unpack.eof or self._unpack.unused_data:
            raise DamagedObjectError("its compressed data end too early or too late")

    def _begin(self) -> None:
        self._begun, head = True, split_frame(self._head)[1]
        self._sink.write(self._unpack.decompress(head))


class _Meter:
    """Counts and hashes the bytes that pass."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._hash, self.count = stream, hashlib.sha256(), 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    @property
    def blocks(self) -> tuple[str, ...]:
        return ()

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


class _BlockMeter(_Meter):
    """Hashes each block besides."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self._blocks: list[str] = []
        self._block, self._left = hashlib.sha256(), BLOCK_BYTES

    @property
    def blocks(self) -> tuple[str, ...]:
        last = (self._block.hexdigest(),) if self._left < BLOCK_BYTES else ()
        return (*self._blocks, *last)

    def _note(self, data: "ReadableBuffer") -> None:
        super()._note(data)
        view = memoryview(data)
        while view:
            piece, view = view[: self._left], view[self._left :]
            self._block.update(piece)
            self._left -= len(piece)
            if not self._left:
                self._blocks.append(self._block.hexdigest())
                self._block, self._left = hashlib.sha256(), BLOCK_BYTES


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
