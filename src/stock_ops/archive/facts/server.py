"""The database server as the backups see it: its identity, the position of its log, the size of its data."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import asyncpg

from stock_ops.kit.container import in_container
from stock_ops.kit.driver import DRIVER_ERRORS
from stock_ops.kit.errors import PartError
from stock_ops.kit.layout import BACKUP_ROLE, DATABASE, LOOPBACK, Layout
from stock_ops.local.facts.instance import Memory, Secrets, read_memory, read_secrets, read_system_identifier

_HISTORY = re.compile(r"([0-9A-F]{8})\.history")

_TIMEOUT_S = 20.0
_CLOSING_S = 5.0
_PATIENT = {
    "application_name": "stockops backup",
    "statement_timeout": "0",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
}
"""A measure of everything takes its time, whatever limits the operator has set for others."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens, and the password of the role of the backups."""

    port: int
    password: str = field(repr=False)
    host: str = LOOPBACK

    async def connect(self) -> asyncpg.Connection:
        """A connection as the role of the backups."""
        return await asyncpg.connect(
            host=self.host,
            port=self.port,
            user=BACKUP_ROLE,
            password=self.password,
            database=DATABASE,
            timeout=_TIMEOUT_S,
            server_settings=_PATIENT,
        )


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the log on one timeline, from `begin` to before `end`."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Server:
    """The server at one moment."""

    version: str
    system_identifier: str
    timeline: int
    lsn: int
    """Where it writes."""
    size_bytes: int
    """Of all databases."""
    summarizes: bool
    """It notes which blocks change, which an incremental backup needs."""
    summaries: tuple[Span, ...]
    """Its notes of this timeline so far, oldest first."""


def read_address(layout: Layout) -> Address:
    """Where the server of a data folder listens. Raises PartError when nothing was ever started there."""
    memory, secrets = read_memory(layout), read_secrets(layout)
    known = isinstance(memory, Memory) and "postgresql" in memory.ports
    if not known or not isinstance(memory, Memory) or not isinstance(secrets, Secrets) or not secrets.backup:
        raise PartError(f"{layout.root} was never started with backups.", "Start it with: stockops up")
    return Address(memory.ports["postgresql"], secrets.backup, memory.host("postgresql"))


def observe_server(address: Address) -> Server:
    """Ask the server. Raises PartError when it does not answer."""
    with database_words("The database"):
        return asyncio.run(_observe(address))


@contextlib.contextmanager
def database_words(what: str) -> Iterator[None]:
    """Errors of the database in words."""
    try:
        yield
    except ConnectionRefusedError as error:
        raise PartError(f"{what}: PostgreSQL does not run.", "Start it with: stockops up") from error
    except (*DRIVER_ERRORS, OSError, TimeoutError) as error:
        told = " ".join(str(error).split()) or "no answer in time"
        raise PartError(f"{what}: {told}.", "See `stockops logs postgresql`, then run this again.") from error


@contextlib.asynccontextmanager
async def connected(address: Address) -> AsyncIterator[asyncpg.Connection]:
    """A connection for as long as the context lasts."""
    connection = await address.connect()
    try:
        yield connection
    finally:
        await connection.close(timeout=_CLOSING_S)


async def read_servants(address: Address) -> list[int]:
    """Processes of the server that send a base backup or a dump for us."""
    async with connected(address) as connection:
        return [row["pid"] for row in await connection.fetch(_SERVANTS, BACKUP_ROLE)]


async def _observe(address: Address) -> Server:
    async with connected(address) as connection:
        row = await connection.fetchrow(_SERVER)
        spans = await connection.fetch(_SUMMARIES, row["timeline"])
    summaries = tuple(Span(span["begin"], span["end"]) for span in spans)
    return Server(**row, summaries=summaries)


_SERVER = """
SELECT current_setting('server_version') AS version,
       (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
       ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int AS timeline,
       (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint AS lsn,
       (SELECT sum(pg_database_size(oid))::bigint FROM pg_database) AS size_bytes,
       current_setting('summarize_wal')::bool AS summarizes
"""
_SERVANTS = """
SELECT pid FROM pg_stat_activity
WHERE usename = $1 AND application_name IN ('pg_basebackup', 'pg_dump')
"""
_SUMMARIES = """
SELECT (start_lsn - '0/0'::pg_lsn)::bigint AS begin, (end_lsn - '0/0'::pg_lsn)::bigint AS end
FROM pg_available_wal_summaries()
WHERE tli = $1
ORDER BY start_lsn
"""


def system_identifier_of(layout: Layout) -> str | None:
    """Of the cluster in place; None where there is none, or where it is elsewhere and does not answer."""
    if not in_container():
        return read_system_identifier(layout.postgresql)
    with contextlib.suppress(PartError):
        return observe_server(read_address(layout)).system_identifier
    return None


def server_histories(layout: Layout) -> dict[int, str]:
    """The text of each timeline's history that the server knows."""
    found = {}
    for path in (layout.postgresql / "pg_wal").glob("*.history"):
        if name := _HISTORY.fullmatch(path.name):
            found[int(name[1], 16)] = path.read_text(encoding="ascii", errors="replace")
    return found
