"""Stored instruments: renamed, merged, deleted, corrected; each in one transaction."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from stock_analysis.domain.bars import Interval
from stock_analysis.domain.currencies import parse_currency
from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.domain.instruments import parse_symbol
from stock_analysis.domain.markets import check_exchange
from stock_analysis.ingest.forms import Adjusted
from stock_analysis.ingest.merging import move_journal
from stock_analysis.ingest.repository import SQL, TIMEOUT_S, PostgresPriceStore, translated
from stock_analysis.ingest.telling import Telling


@dataclass(frozen=True, slots=True)
class Held:
    """How much is stored of an instrument."""

    bars: int
    actions: int
    aside: int


@dataclass(frozen=True, slots=True)
class Corrections:
    """New values of an instrument; None = as it is. aliases: other symbols by which imports mean it."""

    name: str | None = None
    exchange: str | None = None
    currency: str | None = None
    kind: str | None = None
    adjusted: Adjusted | None = None
    aliases: Sequence[str] = ()


class InstrumentService:
    """What can be done with stored instruments. All raise InvalidInputError for an unknown symbol."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._store = PostgresPriceStore(pool)

    async def rename(self, symbol: str, new: str) -> None:
        """Give an instrument another symbol; imports by the old one still mean it."""
        wanted = parse_symbol(new)
        async with self._transaction() as connection:
            row = await _find(connection, symbol)
            if await connection.fetchrow(SQL["find_instrument"], wanted):
                raise InvalidInputError(
                    f"there is an instrument {wanted} already; `instrument merge {row['symbol']} {wanted}` "
                    "makes one of both"
                )
            await connection.execute(SQL["drop_alias"], wanted)
            await connection.execute(SQL["rename_instrument"], row["id"], wanted)
            await connection.execute(SQL["rename_aside"], row["symbol"], wanted)
            await connection.execute(SQL["add_alias"], row["symbol"], row["id"])

    async def merge(self, symbol: str, into: str) -> Held:
        """Move all of an instrument into another one, which keeps what both have; returns what was moved.

        Imports of the one can be taken back in the other, as far as their bars and actions moved.
        Raises InvalidInputError if they differ in exchange, currency or the terms of their prices.
        """
        async with self._transaction() as connection:
            one, other = await _find(connection, symbol), await _find(connection, into)
            for what in ("exchange", "currency", "adjusted"):
                if one[what] != other[what] or one["id"] == other["id"]:
                    both = f"{one['symbol']} and {other['symbol']}"
                    raise InvalidInputError(
                        f"{both} cannot be one: {what} {one[what]} and {other[what]}; "
                        "`instrument set` corrects it"
                    )
            await move_journal(connection, one["id"], other["id"])
            telling = Telling()
            bars = 0
            for interval in (Interval.D1, Interval.M1):
                ids = (one["id"], other["id"])
                moved = await connection.fetchrow(SQL[f"move_{interval}"], *ids, timeout=TIMEOUT_S)
                telling.note_range(other["id"], interval, moved["first"], moved["last"], moved["bars"])
                bars += moved["bars"]
            actions = _count(await connection.execute(SQL["move_actions"], one["id"], other["id"]))
            aside = _count(await connection.execute(SQL["rename_aside"], one["symbol"], other["symbol"]))
            await connection.execute(SQL["move_aliases"], one["id"], other["id"])
            await _delete(connection, one)
            await connection.execute(SQL["add_alias"], one["symbol"], other["id"])
            await connection.execute(SQL["bump"], [other["id"]])
            await telling.put(connection)
        return Held(bars, actions, aside)

    async def held(self, symbol: str) -> Held:
        """What is stored of an instrument."""
        async with self._transaction() as connection:
            row = await _find(connection, symbol)
            return Held(**await connection.fetchrow(SQL["held_by"], row["id"]))

    async def delete(self, symbol: str) -> Held:
        """Delete an instrument with its bars, actions and rows aside; returns what it had."""
        async with self._transaction() as connection:
            row = await _find(connection, symbol)
            held = Held(**await connection.fetchrow(SQL["held_by"], row["id"]))
            await _delete(connection, row)
            await connection.execute(SQL["clear_aside"], row["symbol"])
        return held

    async def correct(self, symbol: str, to: Corrections) -> None:
        """Change what is said of an instrument; its bars stay as they are."""
        exchanges = await self._store.exchanges()
        exchange = None if to.exchange is None else check_exchange(to.exchange, exchanges)
        currency = None if to.currency is None else parse_currency(to.currency)
        aliases = [parse_symbol(one) for one in to.aliases]
        async with self._transaction() as connection:
            row = await _find(connection, symbol)
            await connection.execute(
                SQL["change_instrument"], row["id"], to.name, exchange, currency, to.kind
            )
            for alias in aliases:
                if await connection.fetchrow(SQL["find_instrument"], alias):
                    raise InvalidInputError(f"{alias} is an instrument itself and no other name")
                await connection.execute(SQL["add_alias"], alias, row["id"])
            if to.adjusted is not None:
                await connection.execute(SQL["set_terms"], [row["symbol"]], to.adjusted, None)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[asyncpg.Connection]:
        with translated():
            async with self._pool.acquire() as connection, connection.transaction():
                yield connection


async def _find(connection: asyncpg.Connection, symbol: str) -> asyncpg.Record:
    row = await connection.fetchrow(SQL["find_instrument"], parse_symbol(symbol))
    if row is None:
        raise InvalidInputError(f"no instrument {parse_symbol(symbol)} is stored")
    return row


async def _delete(connection: asyncpg.Connection, row: asyncpg.Record) -> None:
    for name in ("clear_1d", "clear_1m", "clear_actions", "delete_instrument"):
        await connection.execute(SQL[name], row["id"], timeout=TIMEOUT_S)


def _count(status: str) -> int:
    return int(status.split()[-1])
