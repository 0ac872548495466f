"""Reading the sources for ever: budgets, back-off, cursors that move with what was stored, duties of time."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import structlog
from prometheus_client import Counter, Gauge

from stock_analysis.domain.errors import StockAnalysisError, UnavailableError
from stock_analysis.kit.settings import Settings
from stock_analysis.kit.tasks import raise_if_cancelled
from stock_analysis.sentiment.housekeeping import tidy
from stock_analysis.sentiment.intake import Intake
from stock_analysis.sentiment.ports import SourceState
from stock_analysis.sentiment.posts import Gone, key_of
from stock_analysis.sentiment.repository import PostgresPostStore
from stock_analysis.sentiment.sources.catalogue import dollars_a_day
from stock_analysis.sentiment.sources.port import Page, Room, Source, SourceError, Why
from stock_analysis.sentiment.sources.web import Web, open_web

log = structlog.get_logger(__name__)

STATE = Gauge(
    "sentiment_source_reading", "1 while the source answers as it should, with posts or without.", ["source"]
)
FAILED = Counter("sentiment_source_failures_total", "Times that a source gave nothing.", ["source", "why"])
SPENT = Gauge("sentiment_source_spent_dollars", "Dollars of the day.", ["source"])
AGE = Gauge("sentiment_newest_post_seconds", "Epoch seconds of the source's newest post.", ["source"])

USER_AGENT = "stock-analysis (self-hosted)"
SILENT = timedelta(hours=1)
"""A source without a post for so long is told as silent: a warning, no error."""
LIVE = timedelta(minutes=10)
"""A stream whose newest post is no older has told all deletions until now."""
CHECK_EVERY = timedelta(hours=12)
"""How often a source is asked whether its posts are still there."""
REFUSED_AGAIN_S, LONGEST_PAUSE_S = 3600.0, 900.0
TIDY_S = 300.0
POLL_LOCK_S = 5.0
_BAD = frozenset({Why.REFUSED.value, Why.FAILING.value})
_LOCK = 0x504F5354  # "POST": one process reads the sources


class Collector:
    """All sources of the settings. Of several processes one reads, by an advisory lock of the database.

    faults: why sources that the settings name are not among them.
    """

    def __init__(
        self,
        settings: Settings,
        pool: asyncpg.Pool,
        store: PostgresPostStore,
        intake: Intake,
        sources: Sequence[Source],
        faults: Sequence[str] = (),
    ) -> None:
        self._faults = faults
        self._pool = pool
        self._store = store
        self.readers = [SourceReader(settings, store, intake, one) for one in sources]
        self._active = False

    async def run(self) -> None:
        """Read, and keep the duties of time, until cancelled; without a source only the latter."""
        while True:
            try:
                async with self._pool.acquire() as connection:
                    await self._while_locked(connection)
            except Exception as error:  # noqa: BLE001 - it goes on; the log says why it does not work
                raise_if_cancelled()
                log.warning("collecting interrupted", error=str(error) or type(error).__name__)
            self._active = False
            await asyncio.sleep(POLL_LOCK_S)

    async def _while_locked(self, connection: asyncpg.Connection) -> None:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            return
        self._active = True
        try:
            if self.readers:
                await self._store.remove_sample()
            async with open_web(USER_AGENT) as web, asyncio.TaskGroup() as group:
                for reader in self.readers:
                    group.create_task(reader.run(web))
                group.create_task(self._tidy_for_ever(connection))
        finally:
            if not connection.is_closed():
                await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)

    async def _tidy_for_ever(self, connection: asyncpg.Connection) -> None:
        """Also notices that the connection, and with it the lock, is lost: the process then reads no more."""
        while True:
            done = await tidy(self._store)
            if any(done.values()):
                log.info("posts tidied", **done)
            for _ in range(int(TIDY_S / POLL_LOCK_S)):
                await asyncio.sleep(POLL_LOCK_S)
                await connection.execute("SELECT 1")

    async def check(self) -> str:
        """How each source stands, in words. Raises UnavailableError where one must be looked after."""
        if not self.readers and not self._faults:
            return "no source is configured"
        states = await self._store.sources()
        told = [f"{one.name}: {_told(states.get(one.name))}" for one in self.readers]
        told += [f"not begun: {fault}" for fault in self._faults]
        if self._faults or any(one.name in states and states[one.name].state in _BAD for one in self.readers):
            raise UnavailableError("a source of posts", "; ".join(told))
        return "; ".join(told)


def _told(state: SourceState | None) -> str:
    if state is None:
        return "begins"
    return f"{state.state} ({state.reason})" if state.reason else state.state


class SourceReader:
    """One source, read for ever."""

    def __init__(
        self,
        settings: Settings,
        store: PostgresPostStore,
        intake: Intake,
        source: Source,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._store = store
        self._intake = intake
        self._source = source
        self._clock = clock
        self._failures = 0
        self._checked_at = datetime.min.replace(tzinfo=UTC)
        self.name = source.about.name

    async def run(self, web: Web) -> None:
        """Read until cancelled. Raises UnavailableError when the database goes away."""
        while True:
            wait_s = await self.turn(web)
            await asyncio.sleep(wait_s)

    async def turn(self, web: Web) -> float:
        """Read what there is now, or a stream until it ends; returns how long to wait, in seconds."""
        state = self._today((await self._store.sources()).get(self.name) or SourceState(self.name))
        now = self._clock()
        if state.again_at is not None and state.again_at > now:
            return min((state.again_at - now).total_seconds(), LONGEST_PAUSE_S)
        spent = self._spent(state)
        if spent:
            return await self._rest(state, spent)
        try:
            state, wait_s = await self._read(web, state)
            await self._check(web, state)
        except SourceError as error:
            return await self._note_failure(error)
        except UnavailableError:
            raise
        except StockAnalysisError as error:  # the model, say, is missing: posts wait at their source
            return await self._note_failure(SourceError(Why.FAILING, str(error)))
        self._failures = 0
        return wait_s

    async def _read(self, web: Web, state: SourceState) -> tuple[SourceState, float]:
        wait_s = 60.0
        room = self._room(state)
        async with aclosing(self._source.read(web, state.cursor, room)) as pages:
            async for page in pages:
                state = await self._keep(self._today(state), page)
                wait_s = page.wait_s
                if self._spent(state):
                    break
        state = await self._put(replace(state, last_seen_at=self._clock()))
        return state, wait_s

    async def _keep(self, state: SourceState, page: Page) -> SourceState:
        """Store a page, and only then move the cursor: what is read again after a crash is known already."""
        await self._intake.take(page.posts)  # in the order of the source: what it deletes came before
        await self._intake.drop(page.gone)
        now = self._clock()
        newest = max((post.posted_at for post in page.posts), default=None)
        newest = min(newest, now) if newest else state.last_post_at
        if newest is not None:
            AGE.labels(self.name).set(newest.timestamp())
        silent = newest is not None and now - newest > SILENT
        state = replace(
            state,
            cursor=page.cursor or state.cursor,
            state="silent" if silent else "reading",
            reason=f"no post since {newest:%Y-%m-%d %H:%M} UTC" if silent and newest else "",
            again_at=None,
            last_post_at=newest,
            last_seen_at=now,
            posts=state.posts + len(page.posts),
            requests=state.requests + page.requests,
            spent=state.spent + page.cost,
        )
        if page.gap:
            dropped = await self._store.drop_texts(self.name)
            log.warning("deletions were missed, texts dropped", source=self.name, texts=dropped)
        if self._source.about.tells_deletions and newest is not None and now - newest < LIVE:
            await self._store.note_all_checked(self.name, now - CHECK_EVERY / 12)
        return await self._put(state)

    async def _check(self, web: Web, state: SourceState) -> None:
        """Ask whether posts are still there, where the source can be asked; within the day's budget."""
        about = self._source.about
        now = self._clock()
        if not about.check_posts or now - self._checked_at < CHECK_EVERY / 12:
            return
        while not self._spent(state):
            ids = await self._store.to_check(self.name, now - CHECK_EVERY, self._affordable(state))
            if not ids:
                break
            found = await self._source.check(web, ids)
            await self._intake.drop([Gone(self.name, one) for one in found.gone])
            await self._store.note_checked([key_of(self.name, one) for one in found.there])
            state = await self._put(
                replace(state, requests=state.requests + 1, spent=state.spent + found.cost)
            )
            if not found.there and not found.gone:
                break
        self._checked_at = now

    def _affordable(self, state: SourceState) -> int:
        about = self._source.about
        if not about.price:
            return about.check_posts
        return min(about.check_posts, int(self._room(state).dollars / about.price))

    def _room(self, state: SourceState) -> Room:
        most = self._source.about.posts or self._settings.sentiment_posts_a_day
        dollars = dollars_a_day(self._source.about, self._settings)
        return Room(max(0, most - state.posts), max(Decimal(0), (dollars or Decimal(0)) - state.spent))

    def _spent(self, state: SourceState) -> str:
        """What of the day's budget is used up, in words; "" = nothing."""
        about, room = self._source.about, self._room(state)
        if room.posts <= 0:
            return f"{state.posts:,} posts today"
        if about.requests is not None and state.requests >= about.requests:
            return f"{state.requests:,} requests today"
        if about.price and room.dollars < about.price * 10:
            return f"${state.spent} today"
        return ""

    def _today(self, state: SourceState) -> SourceState:
        today = self._clock().date()
        if state.day == today:
            return state
        return replace(state, day=today, posts=0, requests=0, spent=Decimal(0))

    async def _rest(self, state: SourceState, spent: str) -> float:
        now = self._clock()
        tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=5, microsecond=0)
        await self._put(replace(state, state="spent", reason=f"the day's budget: {spent}", again_at=tomorrow))
        log.warning("budget of a source spent", source=self.name, spent=spent)
        return min((tomorrow - now).total_seconds(), LONGEST_PAUSE_S)

    async def _note_failure(self, error: SourceError) -> float:
        """What was read before it stays read; the next turn begins behind it."""
        self._failures += 1
        FAILED.labels(self.name, error.why.value).inc()
        now = self._clock()
        pause_s = min(LONGEST_PAUSE_S, 2.0**self._failures) * random.uniform(0.75, 1.25)  # noqa: S311 - jitter
        if error.why is Why.REFUSED:
            pause_s = REFUSED_AGAIN_S
        elif error.again_at is not None:
            pause_s = max(1.0, (error.again_at - now).total_seconds())
        again_at = now + timedelta(seconds=pause_s)
        state = self._today((await self._store.sources()).get(self.name) or SourceState(self.name))
        await self._put(
            replace(
                state,
                state=error.why.value,
                reason=str(error)[:500],
                again_at=again_at,
                requests=state.requests + 1,
            )
        )
        log.warning("source gives nothing", source=self.name, why=error.why.value, reason=str(error))
        return min(pause_s, LONGEST_PAUSE_S)

    async def _put(self, state: SourceState) -> SourceState:
        await self._store.put_source(state)
        STATE.labels(self.name).set(state.state in {"reading", "silent"})
        SPENT.labels(self.name).set(float(state.spent))
        return state
