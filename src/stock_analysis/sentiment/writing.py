"""Buckets made anew, in the transaction that changed their posts."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from typing import Self

import asyncpg

from stock_analysis.kit.db import load_queries
from stock_analysis.sentiment import rows
from stock_analysis.sentiment.days import DAY, buckets_of, day_of, numbers_of
from stock_analysis.sentiment.ports import DAY_S, HOUR_S, StoredBucket
from stock_analysis.sentiment.telling import Mentioned, Told, tell_buckets

SQL = load_queries("stock_analysis.sentiment")


@dataclass(frozen=True, slots=True)
class Touched:
    """Days of instruments whose posts have changed: (symbol, instrument, begin of the day), in order."""

    days: Sequence[tuple[str, int, datetime]]

    @classmethod
    def of(cls, *mentioned: Mentioned) -> Self:
        """The days that these posts are in."""
        return cls(sorted({(one.symbol, one.instrument_id, day_of(one.posted_at)) for one in mentioned}))


async def remake(connection: asyncpg.Connection, touched: Touched, final_before: datetime) -> Sequence[str]:
    """Make the buckets of these days anew, and tell of those that changed; returns their symbols.

    Of the sample nothing is told: nobody wrote it.
    """
    told: list[Told] = []
    for symbol, instrument_id, day in touched.days:
        found = await connection.fetch(SQL["voices"], instrument_id, day, day + DAY)
        posts = [rows.post(instrument_id, row) for row in found]
        is_final = day < final_before
        made = dict(buckets_of(posts, final=is_final))
        stored = await _stored(connection, instrument_id, day)
        for span in sorted({*made, *stored}):
            if span not in made:
                revision = await connection.fetchval(SQL["drop_bucket"], instrument_id, *span)
                gone = _emptied(stored[span], revision + 1)
                told.append(Told(symbol, span[0], gone))
            elif span not in stored or _bare(stored[span]) != _bare(made[span]):
                revision = await _put(connection, instrument_id, span[0], made[span])
                told.append(Told(symbol, span[0], replace(made[span], revision=revision)))
    symbols = sorted({one.symbol for one in told})
    for symbol, instrument_id in sorted({(symbol, number) for symbol, number, _ in touched.days}):
        if symbol in symbols:
            await connection.execute(SQL["raise_version"], instrument_id)
    await tell_buckets(connection, [one for one in told if not one.stored.sample])
    return symbols


async def close_day(connection: asyncpg.Connection, instrument_id: int, day: datetime) -> None:
    """Put numbers in the place of a day's authors and fingerprints; its buckets stay what they are."""
    found = await connection.fetch(SQL["voices"], instrument_id, day, day + DAY)
    numbers = numbers_of([rows.post(instrument_id, row) for row in found])
    await connection.execute(
        SQL["close_mentions"],
        instrument_id,
        list(numbers),
        [one.voice for one in numbers.values()],
        [one.copies for one in numbers.values()],
    )


async def _stored(
    connection: asyncpg.Connection, instrument_id: int, day: datetime
) -> dict[tuple[int, datetime], StoredBucket]:
    found = {}
    for length_s in (DAY_S, HOUR_S):
        for row in await connection.fetch(SQL["buckets"], instrument_id, length_s, day, day + DAY):
            found[length_s, row["start"]] = rows.bucket(row)
    return found


async def _put(connection: asyncpg.Connection, instrument_id: int, length_s: int, made: StoredBucket) -> int:
    state = "final" if made.final else "provisional"
    values = (*astuple(made.bucket), made.model, made.sample)
    revision: int = await connection.fetchval(
        SQL["put_bucket"], instrument_id, length_s, made.start, state, *values
    )
    return revision


def _bare(one: StoredBucket) -> StoredBucket:
    return replace(one, revision=0, updated_at=None)


def _emptied(one: StoredBucket, revision: int) -> StoredBucket:
    none = replace(one.bucket, posts=0, judged=0, voices=0, copies=0, effective_n=0.0, score=0.0)
    return replace(one, bucket=none, revision=revision)
