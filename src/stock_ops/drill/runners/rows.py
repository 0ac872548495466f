"""The rows that a chart has to show, straight from the restored database.

The one place, with the heartbeat, where operations know a table of the platform: what the platform shows is
no proof of what it should show.
"""

import asyncpg

from stock_ops.drill.facts.charts import MOST_BARS, Question

_ROWS = """
SELECT open, high, low, close, volume
FROM (SELECT * FROM {table} WHERE instrument_id = (SELECT id FROM instrument WHERE symbol = $1)
      ORDER BY {time} DESC LIMIT $2) AS newest
ORDER BY {time}
"""
_TABLES = {"1d": ("bar_1d", "session"), "1m": ("bar_1m", "ts")}
_ANY = "SELECT EXISTS (SELECT FROM bar_1d) OR EXISTS (SELECT FROM bar_1m)"


async def read_rows(connection: asyncpg.Connection, question: Question) -> list[tuple[float, ...]]:
    """Open, high, low, close and volume of the newest bars, oldest first."""
    table, time = _TABLES[question.interval]
    rows = await connection.fetch(_ROWS.format(table=table, time=time), question.symbol, MOST_BARS)
    return [tuple(row) for row in rows]


async def has_bars(connection: asyncpg.Connection) -> bool:
    """Whether there is anything to draw."""
    return bool(await connection.fetchval(_ANY))
