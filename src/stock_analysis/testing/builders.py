"""Small builders of real objects for tests."""

from datetime import UTC, date, datetime

import asyncpg
import numpy as np

from stock_analysis.domain.actions import ActionKind, CorporateAction
from stock_analysis.domain.bars import Bars, FloatArray, IntArray, Interval
from stock_analysis.domain.calendars import DAY_S, load_calendar
from stock_analysis.domain.instruments import Instrument
from stock_analysis.kit.settings import Settings


def epoch(day: str) -> int:
    """Epoch seconds of 00:00 UTC of an ISO date, or of an ISO instant taken as UTC."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


def sessions(first: str = "2020-01-01", count: int = 250, calendar: str = "XNYS") -> IntArray:
    """(count,) sessions of a calendar from a date on, as epoch seconds."""
    known = load_calendar(calendar).sessions
    start = int(np.searchsorted(known, epoch(first)))
    return known[start : start + count].copy()


def minutes(first: str = "2024-01-02T14:30", count: int = 390) -> IntArray:
    """(count,) consecutive minutes from an instant (UTC) on, as epoch seconds."""
    return np.arange(count, dtype=np.int64) * 60 + epoch(first)


def random_bars(t: IntArray, *, seed: int = 1, price: float = 100.0) -> Bars:
    """A believable random walk in whole cents at these times: every bar passes the quality gate."""
    random = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(random.normal(0, 0.01, len(t))))
    open_ = close * np.exp(random.normal(0, 0.004, len(t)))
    high = np.maximum(open_, close) * (1 + random.uniform(0, 0.01, len(t)))
    low = np.minimum(open_, close) * (1 - random.uniform(0, 0.01, len(t)))
    volume = random.integers(1_000, 10_000_000, len(t)).astype(float)
    return Bars(t, _cents(open_), _cents(high), _cents(low), _cents(close), volume)


def _cents(prices: FloatArray) -> FloatArray:
    return np.maximum(np.round(prices, 2), 0.01)


def instrument(symbol: str = "TEST", *, exchange: str = "XNYS", currency: str = "USD") -> Instrument:
    """A stock."""
    return Instrument(symbol, f"{symbol} Incorporated", exchange, currency)


async def store_instrument(connection: asyncpg.Connection, one: Instrument) -> int:
    """Write an instrument as it is; returns its id."""
    found: int = await connection.fetchval(
        "INSERT INTO instrument (symbol, name, exchange, currency, kind)"
        " VALUES ($1, $2, $3, $4, $5) RETURNING id",
        one.symbol,
        one.name,
        one.exchange,
        one.currency,
        one.kind,
    )
    return found


async def store_bars(
    connection: asyncpg.Connection, instrument_id: int, interval: Interval, bars: Bars
) -> None:
    """Write bars as they are, past the quality gate, and bump the instrument's version."""
    times: list[object] = [datetime.fromtimestamp(t, UTC) for t in bars.t.tolist()]
    if interval is Interval.D1:
        times = [date.fromordinal(719_163 + t // DAY_S) for t in bars.t.tolist()]
    values: list[FloatArray] = [bars.open, bars.high, bars.low, bars.close, bars.volume]
    records = zip([instrument_id] * len(bars), times, *(column.tolist() for column in values), strict=True)
    await connection.copy_records_to_table(f"bar_{interval}", records=records)
    await connection.execute(
        "UPDATE instrument SET version = version + 1, updated_at = now() WHERE id = $1", instrument_id
    )


async def store_action(connection: asyncpg.Connection, instrument_id: int, action: CorporateAction) -> None:
    """Write a corporate action beside those of its day and kind, and bump the instrument's version."""
    await connection.execute(
        "INSERT INTO corporate_action (instrument_id, ex_date, kind, value, source, unit, price, ordinal)"
        " SELECT $1, $2, $3, $4, $5, $6, $7, count(*) + 1 FROM corporate_action"
        " WHERE (instrument_id, ex_date, kind) = ($1, $2, $3)",
        instrument_id,
        action.ex_date,
        action.kind.value,
        action.value,
        action.source,
        action.unit.value if action.kind is ActionKind.SPIN_OFF else None,
        action.price,
    )
    await connection.execute(
        "UPDATE instrument SET version = version + 1, updated_at = now() WHERE id = $1", instrument_id
    )


def environment(settings: Settings) -> dict[str, str]:
    """The settings that differ from the defaults as STOCK_... variables, for a process started by a test."""
    found = {}
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if value != field.default:
            plain = value.get_secret_value() if hasattr(value, "get_secret_value") else value
            found[f"STOCK_{name.upper()}"] = ",".join(plain) if isinstance(plain, tuple) else str(plain)
    return found
