"""Name the present moment, so that a restore can come back to it."""

import asyncio

from stock_ops.archive.facts.server import Address, connected, database_words
from stock_ops.backup.runners.mark import set_mark
from stock_ops.kit.errors import TakenMarkError
from stock_ops.storage.marks import NamedMark, dump_mark, load_mark, mark_object
from stock_ops.storage.storage import MissingObjectError, Storage, read_bytes, write_bytes


def name_moment(storage: Storage, address: Address, name: str) -> NamedMark:
    """Write a restore point into the log, and where it lies into the storage.

    The name is reserved before: a recovery stops at the first point of a name, so no name may come twice.
    Raises TakenMarkError, PartError, StorageError.
    """
    with database_words("The mark"):
        return asyncio.run(_name(storage, address, name))


async def _name(storage: Storage, address: Address, name: str) -> NamedMark:
    async with connected(address) as connection:
        await connection.execute(_ONE_AT_A_TIME)
        _reserve(storage, name)
        mark = await set_mark(connection, name)
        write_bytes(storage, mark_object(name), dump_mark(mark))
        return mark


def _reserve(storage: Storage, name: str) -> None:
    try:
        known = load_mark(read_bytes(storage, mark_object(name)))
    except MissingObjectError:
        write_bytes(storage, mark_object(name), b'{"name": null}\n')
        return
    raise TakenMarkError(name, known.at if known else None)


_ONE_AT_A_TIME = "SELECT pg_advisory_lock(hashtextextended('stockops backup mark', 0))"
