"""All channels and all clients of this process, and what comes in for them."""

import asyncio
import contextlib
import secrets
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog
from prometheus_client import Counter, Gauge, Histogram

from stock_analysis.domain.bars import Interval
from stock_analysis.domain.errors import StockAnalysisError, UnavailableError
from stock_analysis.domain.live import Feed, LiveBar, LiveStatus, LiveUpdate
from stock_analysis.gateway.live.channel import Channel, Client
from stock_analysis.gateway.live.feeds import Feeds, FeedView, StoredBar
from stock_analysis.gateway.live.frames import Frame
from stock_analysis.gateway.live.history import History
from stock_analysis.gateway.live.requests import Resume, Topic
from stock_analysis.gateway.live.standing import standing
from stock_analysis.kit.settings import Settings

log = structlog.get_logger(__name__)

HEARTBEAT_S = 15.0
WATCH_S = 1.0
RELOAD_S = 1.0
"""Shortest time between two loads of a channel."""

CLIENTS = Gauge("live_clients", "Clients of the live stream.", ["form"])
CHANNELS = Gauge("live_channels", "Topics that clients are subscribed to.")
UPDATES = Counter("live_updates_total", "Updates of live prices that came in.", ["feed", "kind"])
RELOADS = Counter("live_reloads_total", "Snapshots made anew because something did not fit.")
CUT = Counter("live_cut_to_snapshots_total", "How often a slow client was cut to snapshots.")
CLOSED = Counter("live_closed_total", "Connections of the live stream that ended.", ["why"])
LAG = Histogram(
    "live_update_lag_seconds",
    "Time from an update being published to its being handed to the connections.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one process and one client may take."""

    clients: int
    clients_of_one: int
    subscriptions: int
    channels: int


def live_bounds(settings: Settings) -> Bounds:
    """As they are set."""
    return Bounds(
        clients=settings.live_clients,
        clients_of_one=settings.live_clients_of_one,
        subscriptions=settings.live_subscriptions,
        channels=settings.live_channels,
    )


class TooManyError(StockAnalysisError):
    """A bound of the live stream is reached."""


class Hub:
    """Gives each update to the channels that it belongs to, and keeps them within bounds."""

    def __init__(self, history: History, bounds: Bounds, clock: Callable[[], float] = time.monotonic) -> None:
        self.bounds = bounds
        self.feeds = Feeds(clock)
        self._history = history
        self._clock = clock
        self._epoch = secrets.token_hex(4)
        self._made = 0
        self._clients = 0
        self._channels: dict[tuple[object, ...], Channel] = {}
        self._by_symbol: dict[str, set[Channel]] = defaultdict(set)
        self._loading: dict[Channel, asyncio.Task[None]] = {}
        self._loaded_at: dict[Channel, float] = {}
        self._background: set[asyncio.Task[Any]] = set()

    def enter(self, form: str) -> None:
        """A client is there. form: ws or sse."""
        self._clients += 1
        CLIENTS.labels(form).inc()

    def leave(self, form: str) -> None:
        """A client that entered is gone."""
        self._clients -= 1
        CLIENTS.labels(form).dec()

    async def check(self) -> str:
        """Clients and sources; a source that is silent or away is no failure of this process."""
        return standing(self._clients, self.feeds.views())

    def channels(self) -> list[Channel]:
        """All that clients are subscribed to."""
        return list(self._channels.values())

    async def subscribe(
        self,
        client: Client,
        topic: Topic,
        limit: int,
        resume: Resume | None,
        on_ready: Callable[[Channel], None] = lambda _: None,
    ) -> Channel:
        """The client gets what the topic's channel says from now on.

        on_ready: told just before the first message of the channel; what it raises leaves the client out.

        Raises TooManyError, UnknownInstrumentError, InvalidInputError, UnavailableError.
        """
        channel = self._channels.get(topic.key)
        if channel is None:
            if len(self._channels) >= self.bounds.channels:
                raise TooManyError(
                    f"all {self.bounds.channels} channels of this gateway are taken; try later"
                )
            self._made += 1
            channel = Channel(f"{self._epoch}-{self._made}", topic, self._history)
            self._channels[topic.key] = channel
            self._by_symbol[topic.symbol].add(channel)
            CHANNELS.set(len(self._channels))
        if not channel.is_loaded:
            await self._wait_loaded(channel)
        try:
            on_ready(channel)
        except StockAnalysisError:
            self._drop_unused(channel)
            raise
        same = resume is not None and resume.channel == channel.id
        channel.join(client, limit, resume.n if resume is not None and same else None)
        return channel

    async def _wait_loaded(self, channel: Channel) -> None:
        channel.waiting += 1
        try:
            await asyncio.shield(self._load(channel))
        except BaseException:
            channel.waiting -= 1
            self._drop_unused(channel)
            raise
        channel.waiting -= 1
        if not channel.is_loaded:
            self._drop_unused(channel)
            raise UnavailableError("the stored bars", "the stock-service did not give them; try again")

    def unsubscribe(self, client: Client, channel: Channel) -> None:
        """The client gets nothing of this channel any more."""
        channel.leave(client)
        self._drop_unused(channel)

    def take(self, symbol: str, update: LiveUpdate, published_at: float | None = None) -> None:
        """An update of live prices. published_at: epoch seconds, for the measure of the lag."""
        UPDATES.labels(update.origin.feed.value, "bar" if isinstance(update, LiveBar) else "status").inc()
        _, changed = self.feeds.take(symbol, update)
        for channel in list(self._by_symbol.get(symbol, ())):
            self._pass_on(channel, update, changed)
        if published_at is not None:
            LAG.observe(max(0.0, time.time() - published_at))

    def take_stored(self, symbol: str, interval: Interval, bars: list[StoredBar] | None) -> None:
        """Bars that are stored now, closed or corrected. None: too many to be told, or some were removed."""
        view = self.feeds.choose(symbol, "live")
        found = None
        if view is not None and bars is not None and interval is Interval.M1:
            found = view.place(bars)
        for channel in list(self._by_symbol.get(symbol, ())):
            is_replay = channel.origin is not None and channel.origin.feed is Feed.REPLAY
            if not channel.is_loaded or is_replay:
                continue
            if interval is Interval.D1 and channel.topic.interval.is_intraday:
                continue
            if found is None or not all(channel.apply(bar) for bar in found):
                self.reload(channel)

    def lose(self, detail: str) -> None:
        """Nothing comes in any more, because the way of all updates is away."""
        for symbol in self.feeds.lose(detail):
            self._tell_state(symbol)

    def renew(self) -> None:
        """Updates may have been missed: everybody gets a new snapshot."""
        for channel in list(self._channels.values()):
            self.reload(channel)

    def watch(self) -> None:
        """Notice sources that fell silent; call it every WATCH_S."""
        for symbol in self.feeds.unheard():
            for channel in list(self._by_symbol.get(symbol, ())):
                if channel.is_loaded and self._fits(channel):
                    channel.tell_state()
                else:
                    self.reload(channel)

    def reload(self, channel: Channel) -> None:
        """Load a channel anew, not more often than every RELOAD_S."""
        if channel in self._loading:
            return
        RELOADS.inc()
        delay = self._loaded_at.get(channel, -1e18) + RELOAD_S - self._clock()
        channel.is_loaded = False
        self._loading[channel] = self._spawn(self._reload(channel, max(0.0, delay)))

    async def run(self) -> None:
        """Watch the sources until cancelled."""
        while True:
            await asyncio.sleep(WATCH_S)
            self.watch()

    async def close(self) -> None:
        """End all that is under way."""
        tasks = [*self._background, *self._loading.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for channel in self._channels.values():
            channel.close()

    def _pass_on(self, channel: Channel, update: LiveUpdate, changed: bool) -> None:
        if not channel.is_loaded:
            return
        if not self._fits(channel):
            if isinstance(update, LiveStatus) and channel.origin == update.origin:
                channel.tell_state()
            self.reload(channel)
            return
        if channel.origin is None or channel.origin.feed is not update.origin.feed:
            return
        if isinstance(update, LiveStatus):
            if changed:
                channel.tell_state()
            return
        if not channel.apply(update):
            self.reload(channel)
        elif changed:
            channel.tell_state()

    def _fits(self, channel: Channel) -> bool:
        """Whether the channel shows the source that its clients should get now."""
        view = self._view(channel)
        wanted = None if view is None else (view.origin.feed, view.origin.run)
        shown = channel.origin and (channel.origin.feed, channel.origin.run)
        return wanted == shown

    def _view(self, channel: Channel) -> FeedView | None:
        return self.feeds.choose(channel.topic.symbol, channel.topic.feed)

    def _tell_state(self, symbol: str) -> None:
        for channel in self._by_symbol.get(symbol, ()):
            if channel.is_loaded:
                channel.tell_state()

    def _load(self, channel: Channel) -> "asyncio.Task[None]":
        task = self._loading.get(channel)
        if task is None:
            task = self._loading[channel] = asyncio.create_task(channel.load(self._view(channel)))
            task.add_done_callback(lambda _: self._loaded(channel))
        return task

    def _loaded(self, channel: Channel) -> None:
        self._loading.pop(channel, None)
        self._loaded_at[channel] = self._clock()

    async def _reload(self, channel: Channel, delay_s: float) -> None:
        try:
            await asyncio.sleep(delay_s)
            await channel.load(self._view(channel))
        except UnavailableError as error:
            log.warning("live channel not loaded", symbol=channel.topic.symbol, reason=str(error))
            self._spawn(self._again(channel))
        except StockAnalysisError as error:
            self._end(channel, str(error))
        finally:
            self._loaded(channel)

    async def _again(self, channel: Channel) -> None:
        await asyncio.sleep(RELOAD_S)
        if channel in self._channels.values():
            self.reload(channel)

    def _end(self, channel: Channel, reason: str) -> None:
        """The channel cannot go on, as its instrument is gone."""
        frame = Frame("error", {"channel": channel.id, "status": 404, "detail": reason})
        for client in list(channel.clients):
            client.write(getattr(frame, client.form))
            channel.leave(client)
        self._drop_unused(channel)

    def _drop_unused(self, channel: Channel) -> None:
        if channel.clients or channel.waiting or self._channels.get(channel.topic.key) is not channel:
            return
        task = self._loading.get(channel)
        if task is not None and not task.done():
            task.cancel()
        channel.close()
        del self._channels[channel.topic.key]
        self._loaded_at.pop(channel, None)
        own = self._by_symbol[channel.topic.symbol]
        own.discard(channel)
        if not own:
            del self._by_symbol[channel.topic.symbol]
        CHANNELS.set(len(self._channels))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task


@contextlib.asynccontextmanager
async def running(hub: Hub) -> AsyncIterator[Hub]:
    """The hub with its watch."""
    watching = asyncio.create_task(hub.run())
    try:
        yield hub
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await hub.close()
