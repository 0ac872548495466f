"""Imports that were made, in PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg
import orjson

from stock_analysis.domain.actions import ActionKind
from stock_analysis.domain.bars import Interval
from stock_analysis.ingest.journal import Change, Entry, pack, unpack
from stock_analysis.ingest.ports import ActionGroups
from stock_analysis.ingest.repository import (
    SQL,
    TIMEOUT_S,
    PostgresPriceWriter,
    bar_times,
    pack_actions,
    run_of,
    translated,
)
from stock_analysis.ingest.rows import Rows, Run, Stated


@dataclass(frozen=True, slots=True)
class ActionEntry:
    """One recorded change of actions. is_claim: whether it is an import's that still stands."""

    run_id: UUID
    is_claim: bool
    before: ActionGroups
    after: ActionGroups


Terms = list[str | None]
"""adjusted and adjusted_until of an instrument."""


@dataclass(frozen=True, slots=True)
class TermsEntry:
    """One recorded change of an instrument's terms. is_claim: whether it is an import's that still stands."""

    run_id: UUID
    is_claim: bool
    before: Terms
    after: Terms


@dataclass(frozen=True, slots=True)
class RunHead:
    """What is needed of a run to take it back. is_recorded: whether what it changed was kept."""

    status: str
    source: str
    sha256: bytes
    has_landed: bool
    is_recorded: bool


@dataclass(frozen=True, slots=True)
class RunRecord:
    """An import as recorded, with how its source was read."""

    run: Run
    finished_at: datetime | None
    reading: list[Stated]


class PostgresRunStore:
    """The imports that were made."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def runs(self, prefix: str | None, limit: int) -> list[RunRecord]:
        """Imports whose id begins so, the newest first."""
        with translated():
            rows = await self._pool.fetch(SQL["runs"], prefix, limit)
        return [
            RunRecord(
                run_of(row), row["finished_at"], [Stated(**one) for one in orjson.loads(row["reading"])]
            )
            for row in rows
        ]

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["RunWriter"]:
        """A transaction, committed at the end of the block, undone if an exception leaves it."""
        with translated():
            async with self._pool.acquire() as connection, connection.transaction():
                writer = RunWriter(connection)
                yield writer
                await writer.tell()


class RunWriter(PostgresPriceWriter):
    """One transaction that takes an import back."""

    async def lock(self, run_id: UUID) -> RunHead:
        """Keep importers of this run away."""
        row = await self._connection.fetchrow(SQL["lock_runs"], run_id, timeout=TIMEOUT_S)
        return RunHead(**row)

    async def touched(self, run_id: UUID) -> dict[int, str]:
        """The instruments that the run changed, kept from other writers: symbol by id."""
        rows = await self._connection.fetch(SQL["touched_by"], run_id, timeout=TIMEOUT_S)
        return {row["id"]: row["symbol"] for row in rows}

    async def changes(self, instruments: Sequence[int], interval: Interval) -> list[Entry]:
        """All changes of the bars of these instruments, the newest first."""
        rows = await self._connection.fetch(SQL["changes"], list(instruments), interval.value)
        return [Entry(row["run_id"], row["is_claim"], unpack(row["bars"])) for row in rows]

    async def action_changes(self, instruments: Sequence[int]) -> list[ActionEntry]:
        """All changes of the actions of these instruments, the newest first."""
        rows = await self._connection.fetch(SQL["changes"], list(instruments), None)
        return [ActionEntry(row["run_id"], row["is_claim"], *_groups(row["actions"])) for row in rows]

    async def delete_bars(self, interval: Interval, bars: Rows) -> None:
        """Delete the bars with these BARs' instruments and times."""
        if len(bars):
            times = bar_times(interval, bars["t"])
            await self._connection.execute(
                SQL[f"delete_{interval}"], bars["instrument"].tolist(), times, timeout=TIMEOUT_S
            )
            self._telling.note(interval, "removed", bars)

    async def journal_undo(self, run_id: UUID, interval: Interval, change: Change) -> None:
        """Record what taking the run back does to bars."""
        if any(map(len, change.parts)):
            await self.add_change(run_id, interval.value, change.instruments, bars=pack(change), is_undo=True)

    async def replace_actions(self, groups: ActionGroups) -> None:
        """Make the actions of each instrument, day and kind these rows."""
        columns = [[key[place] for key in groups] for place in range(3)]
        await self._connection.execute(SQL["delete_action_groups"], *columns)
        rows = [row for group in groups.values() for row in group]
        await self._connection.execute(SQL["insert_actions"], orjson.dumps(rows).decode())

    async def journal_undone_actions(self, run_id: UUID, before: ActionGroups, after: ActionGroups) -> None:
        """Record what taking the run back does to actions."""
        if before:
            instruments = sorted({key[0] for key in before})
            packed = pack_actions(before, after)
            await self.add_change(run_id, None, instruments, actions=packed, is_undo=True)

    async def terms(self, instruments: Sequence[int]) -> dict[int, Terms]:
        """The terms of the prices of these instruments."""
        rows = await self._connection.fetch(SQL["terms_of"], list(instruments))
        return {row["id"]: orjson.loads(row["terms"]) for row in rows}

    async def terms_changes(self, instruments: Sequence[int]) -> dict[int, list[TermsEntry]]:
        """All changes of their terms by instrument, the newest first."""
        found: dict[int, list[TermsEntry]] = {}
        for row in await self._connection.fetch(SQL["terms_changes"], list(instruments)):
            for instrument, before, after in orjson.loads(row["terms"]):
                entry = TermsEntry(row["run_id"], row["is_claim"], before, after)
                found.setdefault(instrument, []).append(entry)
        return found

    async def restore_terms(self, run_id: UUID, instrument: int, before: Terms, after: Terms) -> None:
        """Give an instrument the terms that it had, and record it."""
        packed = [orjson.dumps(one).decode() for one in (before, after)]
        await self._connection.execute(SQL["restore_terms"], run_id, instrument, *packed)

    async def drop_aside(self, run_id: UUID, sha256: bytes) -> int:
        """Remove the run's rows from the quarantine; another import of the same content takes them over."""
        await self._connection.execute(SQL["hand_over_aside"], run_id, sha256)
        status: str = await self._connection.execute(SQL["drop_aside"], run_id)
        return int(status.split()[-1])

    async def drop_unclaimed(self, run_id: UUID, instruments: Sequence[int]) -> list[str]:
        """Remove those of the instruments of which nothing is left, nor an import that brought them."""
        unclaimed = await self._connection.fetch(SQL["brought_by_none"], list(instruments), run_id)
        rows = await self._connection.fetch(SQL["drop_empty"], [row["id"] for row in unclaimed])
        return sorted(row["symbol"] for row in rows)

    async def mark_undone(self, run_id: UUID) -> None:
        """Record that the run was taken back."""
        await self._connection.execute(SQL["mark_undone"], run_id)

    async def names(self, run_ids: Sequence[UUID]) -> dict[UUID, str]:
        """The sources of these runs."""
        rows = await self._connection.fetch(SQL["run_names"], list(run_ids))
        return {row["id"]: row["source"] for row in rows}


def _groups(packed: str) -> tuple[ActionGroups, ActionGroups]:
    before: ActionGroups = {}
    after: ActionGroups = {}
    for instrument, day, kind, old, new in orjson.loads(packed):
        key = (instrument, date.fromisoformat(day), ActionKind(kind))
        before[key], after[key] = old, new
    return before, after
