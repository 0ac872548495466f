"""One topic as its clients get it: a snapshot, then numbered deltas, ten a second at most."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from stock_analysis.domain.bars import Interval
from stock_analysis.domain.live import FeedState, LiveBar, Origin
from stock_analysis.domain.session_clock import SessionSpan
from stock_analysis.gateway.live.feeds import FeedView
from stock_analysis.gateway.live.frames import Frame
from stock_analysis.gateway.live.history import History, Stored
from stock_analysis.gateway.live.requests import Topic
from stock_analysis.gateway.live.series import Changed, LiveSeries, label_of
from stock_analysis.kernels.indicators import COLUMNS

CONFLATION_S = 0.1
KEPT_DELTAS = 256
"""How many deltas a client that was away may have missed and still go on from where it was."""
SHORT = dict(zip(COLUMNS, "ohlcv", strict=True))


class Client(Protocol):
    """Who gets messages of channels."""

    @property
    def form(self) -> str:
        """`ws` or `sse`."""
        ...

    @property
    def write(self) -> Callable[[bytes], object]:
        """Takes bytes at once, whether they can be sent yet or not."""
        ...


class Channel:
    """All clients of one topic get the same bytes.

    Every message has the number after the one before it, whatever it says; a client that misses one asks
    again. What changes within CONFLATION_S goes out together, the newest of each bar; a bar that closed is
    never left out.
    """

    def __init__(self, id_: str, topic: Topic, history: History) -> None:
        self.id = id_
        self.topic = topic
        self.n = 0
        self.clients: dict[Client, int] = {}
        """By client, how many bars its snapshots have."""
        self.origin: Origin | None = None
        self.is_loaded = False
        self.waiting = 0
        """How many clients wait for it to be loaded."""
        self._history = history
        self._series: LiveSeries | None = None
        self._view: FeedView | None = None
        self._active: dict[str, dict[Client, Callable[[bytes], object]]] = {"ws": {}, "sse": {}}
        self._ring: deque[tuple[int, Frame]] = deque(maxlen=KEPT_DELTAS)
        self._snapshots: dict[int, Frame] = {}
        self._pending: dict[int, Changed] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._sent_at = -1e18

    async def load(self, view: FeedView | None) -> None:
        """Get what is stored, and what was heard since; everybody gets a new snapshot.

        Raises UnknownInstrumentError, InvalidInputError, UnavailableError.
        """
        self.is_loaded = False
        session = view.session if view is not None else None
        newest = view.newest_t if view is not None else None
        if session is None or newest is None:
            series = LiveSeries(self.topic.interval, await self._bars(self.topic.interval))
        else:
            series = await self._load_at(session, newest)
        await asyncio.to_thread(series.carry, self.topic.indicators)
        self._series, self._view = series, view
        self.origin = view.origin if view is not None else None
        for bar in view.bars() if view is not None else ():
            series.apply(bar)
        self.is_loaded = True
        self.renew()

    async def _load_at(self, session: SessionSpan, newest: int) -> LiveSeries:
        """Closed bars before the one that is forming, and what that one is made of so far."""
        interval = self.topic.interval
        label = label_of(interval, newest, session)
        stored = (await self._bars(interval)).before(label)
        base, minutes = None, None
        if interval in (Interval.W1, Interval.MO1):
            base = _one_bar((await self._bars(Interval.D1, label)).before(session.date).since(label))
        if interval is not Interval.M1:
            begin = label if interval.is_intraday else session.opens
            minutes = (await self._bars(Interval.M1, begin)).since(begin).before(newest)
        return LiveSeries(interval, stored, session=session, base=base, minutes=minutes)

    async def _bars(self, interval: Interval, since: int | None = None) -> Stored:
        return await self._history.bars(self.topic.symbol, interval, self.topic.adjustment, since)

    def apply(self, bar: LiveBar) -> bool:
        """Take in a bar of a minute; False if all has to be loaded anew."""
        if self._series is None:
            return False
        changed = self._series.apply(bar)
        if changed is None:
            return False
        if changed:
            for one in changed:
                before = self._pending.get(one.t)
                if before is None or before.is_forming:
                    self._pending[one.t] = one
            self._schedule()
        return True

    def tell_state(self) -> None:
        """A message that says how the source stands now."""
        self._flush()
        self._send("state", self._standing())

    def renew(self) -> None:
        """A new snapshot for everybody."""
        self._forget_pending()
        self.n += 1
        self._ring.clear()
        self._snapshots.clear()
        for form, active in self._active.items():
            for client, write in list(active.items()):
                write(getattr(self.snapshot(self.clients[client]), form))

    def join(self, client: Client, limit: int, resume_n: int | None = None) -> None:
        """Begin with what the client has missed since that number, else with a snapshot."""
        self.clients[client] = limit
        self._begin(client, resume_n)

    def leave(self, client: Client) -> None:
        """The client gets nothing more."""
        self.clients.pop(client, None)
        self.pause(client)

    def pause(self, client: Client) -> None:
        """The client gets nothing until `catch_up`."""
        self._active[client.form].pop(client, None)

    def catch_up(self, client: Client) -> None:
        """The client gets a snapshot, and what comes after it."""
        self._begin(client, None)

    def snapshot(self, limit: int) -> Frame:
        """All that a client needs to begin, encoded once for all that begin here."""
        frame = self._snapshots.get(limit)
        if frame is None:
            frame = self._snapshots[limit] = Frame("snapshot", self._snapshot(limit), f"{self.id}:{self.n}")
        return frame

    def close(self) -> None:
        """Nothing is sent any more."""
        self._forget_pending()

    def _begin(self, client: Client, resume_n: int | None) -> None:
        self._flush()
        missed = [frame for n, frame in self._ring if resume_n is not None and n > resume_n]
        oldest = self._ring[0][0] if self._ring else self.n + 1
        can_resume = resume_n is not None and (resume_n == self.n or oldest <= resume_n + 1 <= self.n)
        frames = missed if can_resume else [self.snapshot(self.clients[client])]
        self._active[client.form][client] = client.write
        for frame in frames:
            client.write(getattr(frame, client.form))

    def _schedule(self) -> None:
        """At once if nothing was sent for a while, else when that while is over."""
        if self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        due = self._sent_at + CONFLATION_S
        if loop.time() >= due:
            self._flush()
        else:
            self._timer = loop.call_at(due, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._pending:
            return
        changed = [self._pending[t] for t in sorted(self._pending)]
        self._pending = {}
        self._sent_at = asyncio.get_running_loop().time()
        self._send("delta", self._delta(changed))

    def _send(self, kind: str, content: dict[str, Any]) -> None:
        self.n += 1
        self._snapshots.clear()
        frame = Frame(kind, {"channel": self.id, "n": self.n, **content}, f"{self.id}:{self.n}")
        self._ring.append((self.n, frame))
        self.broadcast(frame)

    def broadcast(self, frame: Frame) -> None:
        """The same bytes to all clients that read."""
        for form, active in self._active.items():
            if active:
                data = getattr(frame, form)
                for write in list(active.values()):
                    write(data)

    def _forget_pending(self) -> None:
        self._pending = {}
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _delta(self, changed: list[Changed]) -> dict[str, Any]:
        rows = [[one.t, *one.values.values(), _state(one)] for one in changed]
        found: dict[str, Any] = {"as_of": self._view.as_of_ms if self._view else None, "bars": rows}
        if changed[0].indicators:
            found["indicators"] = {
                text: {name: [one.indicators[text][name] for one in changed] for name in outputs}
                for text, outputs in changed[0].indicators.items()
            }
        return found

    def _snapshot(self, limit: int) -> dict[str, Any]:
        topic, series = self.topic, self._series
        assert series is not None  # noqa: S101 - clients join channels that are loaded
        columns, indicators, forming = series.columns(limit)
        return {
            "channel": self.id,
            "n": self.n,
            "symbol": topic.symbol,
            "interval": topic.interval,
            "adjustment": topic.adjustment,
            **self._standing(),
            "bars": {"t": columns.pop("t"), **{SHORT[name]: one for name, one in columns.items()}},
            "forming": forming,
            "indicators": [{"spec": text, "outputs": outputs} for text, outputs in indicators.items()],
            "left_out": topic.left_out,
            "whole_history": series.whole,
        }

    def _standing(self) -> dict[str, Any]:
        view = self._view
        if view is None:
            last = self._series.last_t if self._series else None
            return {
                "feed": None,
                "state": FeedState.NONE,
                "as_of": None if last is None else last * 1000,
                "detail": "no source of live prices is configured for this symbol",
            }
        origin = view.origin
        return {
            "feed": origin.feed,
            "provider": origin.provider,
            "run": origin.run,
            "speed": origin.speed,
            "made_up": origin.made_up,
            "state": view.state,
            "as_of": view.as_of_ms,
            "detail": view.detail,
        }


def _state(bar: Changed) -> str:
    return "forming" if bar.is_forming else "closed"


def _one_bar(stored: Stored) -> dict[str, float] | None:
    if not len(stored.t):
        return None
    columns = stored.columns
    return {
        "open": float(columns["open"][0]),
        "high": float(columns["high"].max()),
        "low": float(columns["low"].min()),
        "close": float(columns["close"][-1]),
        "volume": float(columns["volume"].sum()),
    }
