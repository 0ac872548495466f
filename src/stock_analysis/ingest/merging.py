"""The journal of an instrument that becomes part of another one, so that its imports can be taken back."""

from collections.abc import Collection

import asyncpg
import numpy as np
import orjson

from stock_analysis.domain.bars import Interval
from stock_analysis.ingest.journal import Change, keys_of, moved, pack, unpack
from stock_analysis.ingest.repository import SQL, TIMEOUT_S, PostgresPriceWriter
from stock_analysis.ingest.rows import RANGE


async def move_journal(connection: asyncpg.Connection, old: int, new: int) -> None:
    """Say of the new instrument what imports did to the old one, except where the new one has its own.

    To be called in the transaction of the merge, before bars and actions move.
    """
    held = {
        (row["ex_date"].isoformat(), row["kind"]) for row in await connection.fetch(SQL["actions_held"], new)
    }
    for row in await connection.fetch(SQL["journal_of"], old, timeout=TIMEOUT_S):
        bars, actions = row["bars"], row["actions"]
        if bars is not None:
            bars = pack(await _moved(connection, unpack(bars), Interval(row["interval"]), old, new))
        if actions is not None:
            actions = _moved_actions(actions, old, new, held)
        await connection.execute(SQL["rewrite_journal"], row["id"], bars, actions, old, new)


async def _moved(
    connection: asyncpg.Connection, change: Change, interval: Interval, old: int, new: int
) -> Change:
    t = np.concatenate([part["t"][part["instrument"] == old] for part in change.parts])
    if not len(t):
        return change
    span = np.array([(new, t.min(), t.max())], RANGE)
    stored = await PostgresPriceWriter(connection).stored(interval, span, 0)
    return moved(change, old, new, keys_of(stored))


def _moved_actions(packed: str, old: int, new: int, held: Collection[tuple[str, str]]) -> str:
    """The same of actions as packed; held: days and kinds of which the new one has some."""
    found = []
    for instrument, day, kind, *states in orjson.loads(packed):
        if instrument != old:
            found.append([instrument, day, kind, *states])
        elif (day, kind) not in held:
            found.append([new, day, kind, *([row | {"instrument_id": new} for row in one] for one in states)])
    return orjson.dumps(found).decode()
