"""The parts of a backup: each block is compared with the manifest before anything of it is unpacked."""

import hashlib
from typing import BinaryIO, cast

from stock_ops.kit.errors import DamagedBackupError
from stock_ops.storage.envelope import BLOCK_BYTES, DamagedObjectError, Sealed, opened, unseal
from stock_ops.storage.manifest import StoredPart
from stock_ops.storage.storage import Storage

_CHUNK_BYTES = 2**20


def fetch_part(storage: Storage, part: StoredPart, sink: BinaryIO, identity: str) -> None:
    """Open a part. A manifest of before names no blocks: then the object is read twice, first to compare it.

    Raises DamagedBackupError naming it when it is not what the manifest names, WrongKeyError, StorageError.
    """
    if not part.stored_blocks and storage.authority and storage.authority.checks:
        with opened(storage, part.name) as source:
            _refuse_other(source, part)
    with opened(storage, part.name) as source:
        found = unseal(
            cast("BinaryIO", _Blocks(source, part)) if part.stored_blocks else source, sink, identity
        )
    wanted = Sealed(part.plain_bytes, part.plain_sha256, part.stored_bytes, part.stored_sha256)
    if found != wanted:
        raise DamagedBackupError(
            f"{part.name} in {storage.where} is another object than the manifest names.",
            "Use an older backup (stockops backup list), or another copy of the storage (--storage).",
        )


def _refuse_other(source: BinaryIO, part: StoredPart) -> None:
    digest = hashlib.sha256()
    while data := source.read(_CHUNK_BYTES):
        digest.update(data)
    if digest.hexdigest() != part.stored_sha256:
        raise DamagedObjectError("it is another object than the manifest names")


class _Blocks:
    """A stream that gives out a block only once it is known to be the one that the manifest names."""

    def __init__(self, source: BinaryIO, part: StoredPart) -> None:
        self._source, self._wanted = source, iter(part.stored_blocks)
        self._ready, self._number = memoryview(b""), 0

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes. Raises DamagedObjectError."""
        if not self._ready:
            self._ready = memoryview(self._next())
        count = len(self._ready) if size < 0 else min(size, len(self._ready))
        data, self._ready = self._ready[:count], self._ready[count:]
        return bytes(data)

    def _next(self) -> bytes:
        block = _read_whole(self._source, BLOCK_BYTES)
        wanted = next(self._wanted, None)
        if not block and wanted is None:
            return b""
        if wanted is None or hashlib.sha256(block).hexdigest() != wanted:
            at = self._number * BLOCK_BYTES
            raise DamagedObjectError(f"from byte {at:,} on it is not what the manifest names")
        self._number += 1
        return block


def _read_whole(source: BinaryIO, size: int) -> bytes:
    """As many bytes, or up to the end."""
    pieces, left = [], size
    while left and (data := source.read(left)):
        pieces.append(data)
        left -= len(data)
    return b"".join(pieces)
