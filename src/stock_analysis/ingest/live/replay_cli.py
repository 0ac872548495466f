"""The command `stock-analysis replay`."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import asyncpg
import typer

from stock_analysis.domain.bar_builder import BuiltBar
from stock_analysis.domain.bars import Interval
from stock_analysis.domain.calendars import DAY_S, load_calendar
from stock_analysis.domain.errors import InvalidInputError, UnknownInstrumentError
from stock_analysis.domain.instruments import Exchange, parse_symbol
from stock_analysis.domain.live import Feed, Origin
from stock_analysis.domain.session_clock import SessionClock
from stock_analysis.ingest.console import INTERRUPTED, ConfigFile, open_pool_of, stop_on_signals
from stock_analysis.ingest.live.landing import ReplayLanding
from stock_analysis.ingest.live.pipeline import Pipeline
from stock_analysis.ingest.live.ports import LiveInstrument
from stock_analysis.ingest.live.publisher import EventPublisher
from stock_analysis.ingest.live.replay import (
    Minute,
    Player,
    StoredMinutes,
    made_up_minutes,
    read_instant,
    shown_instant,
)
from stock_analysis.ingest.repository import SQL, PostgresPriceStore
from stock_analysis.kit.event_logs import open_event_log
from stock_analysis.kit.settings import load_settings

FASTEST = 100_000.0


def replay_command(
    symbol: Annotated[str, typer.Argument(help="Whose stored minutes are played.")],
    begin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="Date or time on the exchange's clock; else the newest session.",
        ),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Stop there; else at the newest bar.")
    ] = None,
    speed: Annotated[
        float,
        typer.Option(min=0, max=FASTEST, help="1 = as it was, 60 = a minute a second, 0 = without waiting."),
    ] = 1.0,
    from_days: Annotated[
        bool,
        typer.Option("--from-days", help="Play daily bars, the way inside each day being made up."),
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Play stored bars as if they came now: a demo, and a load generator. Nothing is written.

    Charts and the live stream of this symbol show it, marked as a replay, until it is over.
    """
    raise typer.Exit(asyncio.run(_replay(symbol, begin, end, speed, from_days=from_days, config=config)))


async def _replay(
    symbol: str, begin: str | None, end: str | None, speed: float, *, from_days: bool, config: Path | None
) -> int:
    settings = load_settings(config).settings
    async with (
        open_pool_of(config) as pool,
        open_event_log(settings) as events,
        _alone(pool, parse_symbol(symbol)),
    ):
        await events.check()
        store = PostgresPriceStore(pool)
        plan = await _plan(store, parse_symbol(symbol), begin, end, from_days=from_days)
        origin = Origin(Feed.REPLAY, "stored bars", secrets.token_hex(4), speed, made_up=from_days)
        progress = _Progress(plan, speed)
        publisher = EventPublisher(events, "stock-analysis/replay")
        landing = ReplayLanding(origin, {plan.exchange.mic: plan.exchange}, publisher, progress.closed)
        pipeline = Pipeline(origin, {plan.instrument.listed.symbol: plan.instrument}, landing, publisher)
        player = Player(pipeline, plan.instrument.listed.symbol, speed)
        progress.begin()
        with stop_on_signals() as stop:
            count = await player.play(plan.minutes(store), stop)
            stopped = stop()
            await player.finish("stopped" if stopped else "all is played")
        progress.end(count, stopped=stopped)
    return INTERRUPTED if stopped else 0


@dataclass(frozen=True)
class _Plan:
    instrument: LiveInstrument
    exchange: Exchange
    interval: Interval
    begin: int
    end: int

    def minutes(self, store: PostgresPriceStore) -> AsyncIterator[Minute]:
        stored = StoredMinutes(store, self.instrument.listed.id, self.interval)
        bars = stored.between(self.begin, self.end)
        return made_up_minutes(bars, self.instrument.clock) if self.interval is Interval.D1 else bars


async def _plan(
    store: PostgresPriceStore, symbol: str, begin: str | None, end: str | None, *, from_days: bool
) -> _Plan:
    listed = (await store.listed([symbol])).get(symbol)
    if listed is None:
        raise UnknownInstrumentError(symbol)
    exchange = (await store.exchanges())[listed.exchange]
    extended = None
    if exchange.extended_opens is not None and exchange.extended_closes is not None:
        extended = exchange.extended_opens, exchange.extended_closes
    calendar = await asyncio.to_thread(load_calendar, exchange.calendar, exchange.changes)
    clock = SessionClock(calendar, exchange.timezone, extended)
    interval = Interval.D1 if from_days else Interval.M1
    newest = await StoredMinutes(store, listed.id, interval).newest()
    if newest is None:
        other = Interval.M1 if from_days else Interval.D1
        raise InvalidInputError(
            _nothing(symbol, interval, await StoredMinutes(store, listed.id, other).newest())
        )
    first = _instant(begin, exchange.timezone, "--from", days=from_days)
    last = _instant(end, exchange.timezone, "--until", days=from_days)
    if first is None:
        session = clock.session_at(newest)
        first = session.opens if session else newest - newest % DAY_S
    last = newest + 1 if last is None else min(last, newest + 1)
    if first >= last:
        newest_shown = shown_instant(newest, "UTC" if from_days else exchange.timezone)
        raise InvalidInputError(
            f"there is nothing to play: the newest {interval} bar of {symbol} starts at {newest_shown}"
            f" ({exchange.timezone}); choose an earlier --from"
        )
    return _Plan(LiveInstrument(listed, clock), exchange, interval, first, last)


def _nothing(symbol: str, interval: Interval, other: int | None) -> str:
    if other is None:
        return f"{symbol} has no bars; import some, then play them: stock-analysis import FILE"
    if interval is Interval.M1:
        return (
            f"{symbol} has daily bars only, and a replay plays minutes; with --from-days the days are played,"
            f" the way inside each day being made up: stock-analysis replay {symbol} --from-days --speed 600"
        )
    return f"{symbol} has minutes only; play them without --from-days"


def _instant(text: str | None, timezone: str, option: str, *, days: bool) -> int | None:
    if text is None:
        return None
    try:
        return read_instant(text[:10] if days else text, "UTC" if days else timezone)
    except ValueError as error:
        raise InvalidInputError(
            f"{option} {text[:40]!r} is no date or time; write it as 2013-09-03 or 2013-09-03T09:30"
        ) from error


@asynccontextmanager
async def _alone(pool: asyncpg.Pool, symbol: str) -> AsyncIterator[None]:
    """One replay of a symbol at a time: two would be shown mixed."""
    async with pool.acquire() as connection:
        if not await connection.fetchval(SQL["lock_replay"], symbol):
            raise InvalidInputError(f"a replay of {symbol} is under way; stop that one first (Ctrl-C there)")
        yield


class _Progress:
    """What the person who started it reads."""

    def __init__(self, plan: _Plan, speed: float) -> None:
        self._plan = plan
        self._speed = speed
        self._is_terminal = sys.stderr.isatty()

    def begin(self) -> None:
        plan, zone = self._plan, self._plan.exchange.timezone
        pace = "without waiting" if not self._speed else f"at {self._speed:g} x"
        shown = "UTC" if plan.interval is Interval.D1 else zone
        typer.echo(
            f"replay of {plan.instrument.listed.symbol} {pace}, from {shown_instant(plan.begin, shown)}"
            f" ({zone}). Nothing is written; charts show it marked as a replay."
        )
        if plan.interval is Interval.D1:
            typer.echo("The days are real; the way inside each day is made up: open, low and high, close.")

    def closed(self, bar: BuiltBar) -> None:
        if self._is_terminal:
            at = shown_instant(bar.t, self._plan.exchange.timezone)
            typer.echo(f"\r\033[K{at}  {bar.close:,.6g}  (Ctrl-C ends it)", nl=False, err=True)

    def end(self, count: int, *, stopped: bool) -> None:
        if self._is_terminal:
            typer.echo("\r\033[K", nl=False, err=True)
        typer.echo(f"{'stopped' if stopped else 'done'}: {count:,} minutes played")
