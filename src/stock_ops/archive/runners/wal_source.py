"""The server whose log is archived: how far it is, its slot, its heartbeat; over one connection."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import asyncpg

from stock_ops.archive.facts.server import Address
from stock_ops.archive.plans.spool import Slot
from stock_ops.kit.driver import DRIVER_ERRORS
from stock_ops.kit.errors import ArchiveError, PartError
from stock_ops.local.plans.settings import SLOT

_ANSWER_S = 5.0
_LIMITS = "SET lock_timeout = '2s'; SET statement_timeout = '5s'"

_READING = """
SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
       ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::int AS timeline,
       (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint AS flushed,
       slot_name IS NOT NULL AS has_slot,
       (restart_lsn - '0/0'::pg_lsn)::bigint AS restart_lsn,
       wal_status,
       (write_lsn - '0/0'::pg_lsn)::bigint AS received
FROM (VALUES ($1)) AS ours (name)
LEFT JOIN pg_replication_slots ON slot_name = name
LEFT JOIN pg_stat_replication ON pid = active_pid
"""
_CREATE_SLOT = "SELECT pg_create_physical_replication_slot($1, immediately_reserve => true)"
_DROP_SLOT = "SELECT pg_drop_replication_slot($1)"
_SWITCH = "SELECT pg_switch_wal()"
_BEAT = """
INSERT INTO ops_heartbeat (id, beat_at) VALUES (1, clock_timestamp())
ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """The server at one moment; positions are LSNs."""

    system_identifier: str
    timeline: int
    flushed: int
    slot: Slot | None
    received: int | None
    """Everything before this is in the spool; None while no log is received."""

    @property
    def retained_bytes(self) -> int | None:
        """Log that the slot keeps on the server."""
        if self.slot is None or self.slot.restart_lsn is None:
            return None
        return max(0, self.flushed - self.slot.restart_lsn)


class WalSource:
    """Connects when it is asked and the last connection has failed. Raises ArchiveError in words.

    address: asked at each connection, for the password may have been changed. Raises PartError.
    """

    def __init__(self, address: Callable[[], Address]) -> None:
        self._address = address
        self._connection: asyncpg.Connection | None = None
        self._turn = asyncio.Lock()

    async def read(self) -> Reading:
        """Look at the server."""
        row = await self._ask(_READING, SLOT)
        slot = Slot(row["restart_lsn"], row["wal_status"]) if row["has_slot"] else None
        return Reading(row["system_identifier"], row["timeline"], row["flushed"], slot, row["received"])

    async def create_slot(self) -> None:
        """Have the server keep its log from now on."""
        await self._ask(_CREATE_SLOT, SLOT)

    async def drop_slot(self) -> None:
        """Have the server keep no log any more."""
        await self._ask(_DROP_SLOT, SLOT)

    async def begin_segment(self) -> None:
        """Have the server end its segment and begin a new one."""
        await self._ask(_SWITCH)

    async def beat(self) -> None:
        """Write the time into the row of the heartbeat."""
        await self._ask(_BEAT)

    async def close(self) -> None:
        """End the connection."""
        connection, self._connection = self._connection, None
        if connection:
            connection.terminate()

    async def _ask(self, query: str, *values: object) -> Any:
        try:
            async with self._turn, asyncio.timeout(_ANSWER_S):
                connection = await self._connected()
                return await connection.fetchrow(query, *values)
        except asyncio.CancelledError:
            await self.close()
            raise
        except PartError as error:
            raise ArchiveError(error.why, error.todo) from error
        except _FAILURES as error:
            if not isinstance(error, asyncpg.PostgresError) or isinstance(error, _ENDED):
                await self.close()
            raise ArchiveError(f"PostgreSQL: {_words(error)}.", _TODO) from error

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._address().connect()
            await self._connection.execute(_LIMITS)
        return self._connection


_FAILURES = (*DRIVER_ERRORS, OSError, TimeoutError)
_ENDED = (asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError)
_TODO = "Check that it runs (stockops status); `stockops logs postgresql` says more."


def _words(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "it does not run"
    if isinstance(error, TimeoutError):
        return f"no answer within {_ANSWER_S:g} s"
    return " ".join(str(error).split()) or type(error).__name__
