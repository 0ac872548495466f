"""Instruments and bars in PostgreSQL."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any

import asyncpg
import numpy as np
import orjson
from numpy.typing import NDArray

from stock_analysis.domain.actions import ActionKind, ActionUnit, CorporateAction
from stock_analysis.domain.bars import Bars, Interval
from stock_analysis.domain.calendars import SessionChange
from stock_analysis.domain.errors import UnavailableError, UnknownInstrumentError
from stock_analysis.domain.instruments import Instrument
from stock_analysis.domain.terms import AS_TRADED, Terms
from stock_analysis.kit.db import CONNECTION_ERRORS, fetch_rows, load_queries
from stock_analysis.stock.ports import AcceptedRow, Listing, QuarantinedRow, Snapshot, Summary

SQL = load_queries("stock_analysis.stock")
MOST_ACCEPTED = 2000
"""Accepted rows of an instrument that are read for one answer, the newest."""

_POSTGRES_EPOCH_S = 946_684_800  # 2000-01-01
_PRICES = [(name, ">f8") for name in ("open", "high", "low", "close", "volume")]
_SESSION_ROW = np.dtype([("t", ">i4"), *_PRICES])  # days since 2000-01-01
_MINUTE_ROW = np.dtype([("t", ">i8"), *_PRICES])  # microseconds since 2000-01-01


class PostgresBarStore:
    """A BarStore on PostgreSQL, with or without TimescaleDB."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def listing(self, symbol: str) -> Listing:
        """The instrument. Raises UnknownInstrumentError, UnavailableError."""
        return _listing(symbol, await self._fetchrow("instrument", symbol))

    async def snapshot(self, symbol: str, interval: Interval) -> Snapshot:
        """All that an answer in this interval is made of, read in one transaction."""
        try:
            async with self._pool.acquire() as connection:
                return await _read_snapshot(connection, symbol, interval)
        except CONNECTION_ERRORS as error:
            raise _unavailable(error) from error

    async def search(
        self, query: str, exchange: str | None, after: tuple[int, str], limit: int
    ) -> Sequence[Summary]:
        """Instruments that the query may mean, best first."""
        rows = await self._fetch("search", query, exchange, *after, limit)
        return [_summary(row) for row in rows]

    async def quarantine(self, symbol: str, before: int, limit: int) -> tuple[int, Sequence[QuarantinedRow]]:
        """How many rows of this symbol are open, and those with an id below `before`, newest first."""
        total = (await self._fetchrow("quarantined", symbol))[0]
        rows = await self._fetch("quarantine_page", symbol, before, limit)
        return total, [
            QuarantinedRow(
                id=row["id"],
                source=row["source"],
                row_number=row["row_number"],
                interval=row["interval"],
                reasons=row["reasons"],
                row=orjson.loads(row["raw"]),
                state=row["state"],
                created_at=row["created_at"],
            )
            for row in rows
        ]

    async def calendars(self) -> Sequence[str]:
        """Names of the calendars of all instruments."""
        return [row["calendar"] for row in await self._fetch("calendars")]

    async def facts(self) -> dict[str, Any]:
        """Size and contents of the database, and the last import."""
        database = await self._fetchrow("database_facts")
        last_import = await self._fetchrow("last_import")
        return {"database": dict(database), "last_import": dict(last_import) if last_import else None}

    async def check(self) -> str:
        """Version of the server. Raises when it cannot be reached."""
        version: str = await self._pool.fetchval(SQL["version"])
        return version.split()[0]

    async def _fetch(self, name: str, *args: object) -> list[asyncpg.Record]:
        try:
            rows: list[asyncpg.Record] = await self._pool.fetch(SQL[name], *args)
        except CONNECTION_ERRORS as error:
            raise _unavailable(error) from error
        return rows

    async def _fetchrow(self, name: str, *args: object) -> Any:
        rows = await self._fetch(name, *args)
        return rows[0] if rows else None


async def _read_snapshot(connection: asyncpg.Connection, symbol: str, interval: Interval) -> Snapshot:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        listing = _listing(symbol, await connection.fetchrow(SQL["instrument"], symbol))
        changes = await connection.fetch(SQL["calendar_changes"], listing.calendar)
        accepted = await connection.fetch(SQL["accepted"], listing.id, symbol, MOST_ACCEPTED + 1)
        snapshot = Snapshot(
            listing=listing,
            daily=Bars.empty(),
            minutes=Bars.empty(),
            changes=tuple(_change(row) for row in changes),
            actions=[_action(row) for row in await connection.fetch(SQL["actions"], listing.id)],
            quarantined=await connection.fetchval(SQL["quarantined"], symbol),
            accepted=[_accepted(row) for row in reversed(accepted[:MOST_ACCEPTED])],
            all_accepted=len(accepted) <= MOST_ACCEPTED,
        )
        if interval.is_intraday:
            return replace(snapshot, minutes=await _read_bars(connection, "bars_1m", listing.id))
        return await _with_days(connection, snapshot)


async def _with_days(connection: asyncpg.Connection, snapshot: Snapshot) -> Snapshot:
    """The snapshot with its daily bars, and with the minutes of sessions that have none."""
    number = snapshot.listing.id
    extent = await connection.fetchrow(SQL["extent"], number)
    if not extent["has_days"]:
        minutes = extent["first_minute"] and await _read_bars(connection, "bars_1m", number)
        return replace(snapshot, minutes=minutes or snapshot.minutes)
    snapshot = replace(snapshot, daily=await _read_bars(connection, "bars_1d", number))
    if extent["first_minute"] is None:
        return snapshot
    calendar = await asyncio.to_thread(snapshot.calendar)
    ends = (int(extent[name].timestamp()) for name in ("first_minute", "last_minute"))
    spans = ([_instant(t) for t in side.tolist()] for side in calendar.between(snapshot.daily.t, *ends))
    minutes = await _read_bars(connection, "bars_1m_between", number, *spans)
    return replace(snapshot, minutes=minutes[np.unique(minutes.t, return_index=True)[1]])


async def _read_bars(connection: asyncpg.Connection, statement: str, *arguments: object) -> Bars:
    base = Interval.D1 if statement == "bars_1d" else Interval.M1
    layout = _SESSION_ROW if base is Interval.D1 else _MINUTE_ROW
    rows = await fetch_rows(connection, SQL[statement].rstrip(";"), *arguments, columns=layout)
    return Bars(_epoch_s(rows["t"], base), *(rows[name].astype(np.float64) for name, _ in _PRICES))


def _change(row: asyncpg.Record) -> SessionChange:
    opens, closes = (row[name] and int(row[name].timestamp()) for name in ("opens", "closes"))
    return SessionChange(int(datetime.combine(row["day"], time(), UTC).timestamp()), opens, closes)


def _accepted(row: asyncpg.Record) -> AcceptedRow:
    t = int(row["bar_time"].timestamp())
    return AcceptedRow(Interval(row["interval"]), t, row["accepted"], row["accepted_by"])


def _instant(t: int) -> datetime:
    return datetime.fromtimestamp(t, UTC)


def _epoch_s(t: NDArray[Any], base: Interval) -> NDArray[np.int64]:
    seconds = t.astype(np.int64) * 86_400 if base is Interval.D1 else t.astype(np.int64) // 1_000_000
    return seconds + _POSTGRES_EPOCH_S


def _listing(symbol: str, row: asyncpg.Record | None) -> Listing:
    if row is None:
        raise UnknownInstrumentError(symbol)
    extended = (row["extended_opens"], row["extended_closes"])
    return Listing(
        id=row["id"],
        instrument=_instrument(row),
        version=row["version"],
        changed=row["updated_at"],
        timezone=row["timezone"],
        calendar=row["calendar"],
        extended=None if None in extended else extended,
        terms=Terms(row["adjusted"] or AS_TRADED, row["adjusted_until"]),
    )


def _instrument(row: asyncpg.Record) -> Instrument:
    return Instrument(row["symbol"], row["name"], row["exchange"], row["currency"], row["kind"])


def _action(row: asyncpg.Record) -> CorporateAction:
    kind, unit = ActionKind(row["kind"]), ActionUnit(row["unit"] or ActionUnit.CASH)
    return CorporateAction(row["ex_date"], kind, row["value"], row["source"], unit, row["price"])


def _summary(row: asyncpg.Record) -> Summary:
    firsts = [_midnight(row["first_session"]), row["first_minute"]]
    lasts = [_midnight(row["last_session"]), row["last_minute"]]
    return Summary(
        instrument=_instrument(row),
        timezone=row["timezone"],
        rank=row["rank"],
        first=min((t for t in firsts if t), default=None),
        last=max((t for t in lasts if t), default=None),
        bars={"1d": row["bars_1d"], "1m": row["bars_1m"]},
        quarantined=row["quarantined"],
    )


def _midnight(session: Any) -> datetime | None:
    return datetime.combine(session, time(), UTC) if session else None


def _unavailable(error: Exception) -> UnavailableError:
    return UnavailableError("PostgreSQL", str(error) or type(error).__name__)
