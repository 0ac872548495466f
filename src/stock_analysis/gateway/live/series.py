"""The bars of one symbol and interval, carried on minute by minute, with the indicators over them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stock_analysis.domain.bar_builder import BarState
from stock_analysis.domain.bars import Interval
from stock_analysis.domain.live import LiveBar
from stock_analysis.domain.session_clock import MINUTE_S, SessionSpan
from stock_analysis.gateway.live.history import Stored
from stock_analysis.kernels.indicators import COLUMNS, Request, compute
from stock_analysis.kernels.live_indicators import LiveIndicator

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Changed:
    """A bar that is another than before, with its indicators by canonical text and output name."""

    t: int
    values: Mapping[str, float]
    is_forming: bool
    indicators: Mapping[str, Mapping[str, float]]


@dataclass(slots=True)
class _Minute:
    values: Mapping[str, float]
    is_forming: bool


@dataclass(slots=True)
class _Bucket:
    """A bar that is not final yet. base: what is known of it from longer bars than minutes."""

    session: SessionSpan | None
    base: Mapping[str, float] | None = None
    minutes: dict[int, _Minute] = field(default_factory=dict)

    def values(self) -> Mapping[str, float]:
        parts = [self.minutes[t].values for t in sorted(self.minutes)]
        if self.base is not None:
            parts.insert(0, self.base)
        return {
            "open": parts[0]["open"],
            "high": max(one["high"] for one in parts),
            "low": min(one["low"] for one in parts),
            "close": parts[-1]["close"],
            "volume": sum(one["volume"] for one in parts),
        }


class _Column:
    """A growing array of numbers."""

    def __init__(self, values: FloatArray | NDArray[np.int64]) -> None:
        self._size = len(values)
        self._room = np.concatenate([values, np.zeros(256, values.dtype)])

    def append(self, value: float) -> None:
        if self._size == len(self._room):
            self._room = np.concatenate([self._room, np.zeros_like(self._room)])
        self._room[self._size] = value
        self._size += 1

    def tail(self, count: int | None = None) -> FloatArray:
        first = 0 if count is None else max(0, self._size - count)
        return self._room[first : self._size]

    def __len__(self) -> int:
        return self._size


class _Carried:
    """One indicator: its values at all closed bars, and the handle that carries it on."""

    def __init__(self, request: Request, columns: Mapping[str, FloatArray]) -> None:
        self.live = LiveIndicator(request, columns)
        self.columns = {name: _Column(values) for name, values in compute(request, columns).items()}

    def close(self, bar: Mapping[str, float]) -> Mapping[str, float]:
        values = self.live.update(bar)
        for name, value in values.items():
            self.columns[name].append(value)
        return values


class LiveSeries:
    """Closed bars, those still forming, and indicators over the closed ones.

    stored: closed bars. base, minutes: what is known of the bar that is forming at `session`.
    """

    def __init__(
        self,
        interval: Interval,
        stored: Stored,
        *,
        session: SessionSpan | None = None,
        base: Mapping[str, float] | None = None,
        minutes: Stored | None = None,
    ) -> None:
        self._interval = interval
        self.whole = stored.whole
        self.session = session
        """The session that was known when this was loaded."""
        self._t = _Column(stored.t)
        self._columns = {name: _Column(np.asarray(stored.columns[name])) for name in COLUMNS}
        self._buckets: dict[int, _Bucket] = {}
        self._carried: dict[str, _Carried] = {}
        self._final = int(stored.t[-1]) if len(stored.t) else -(2**62)
        if session is not None and base is not None:
            self._bucket(self._label(session.opens, session), session).base = base
        if session is not None and minutes is not None:
            for row, t in enumerate(minutes.t.tolist()):
                values = {name: float(minutes.columns[name][row]) for name in COLUMNS}
                label = self._label(t, session)
                if label > self._final:
                    self._bucket(label, session).minutes[t] = _Minute(values, is_forming=False)
            self._settle()

    @property
    def last_t(self) -> int | None:
        """Start of the newest bar."""
        if self._buckets:
            return max(self._buckets)
        return int(self._t.tail(1)[0]) if len(self._t) else None

    def carry(self, requests: Sequence[Request]) -> None:
        """Carry these indicators on, too."""
        missing = [one for one in requests if one.text not in self._carried]
        if missing:
            columns = {name: column.tail().copy() for name, column in self._columns.items()}
            self._carried |= {one.text: _Carried(one, columns) for one in missing}

    def apply(self, bar: LiveBar) -> list[Changed] | None:
        """Take in a bar of a minute; returns the bars that it changes, oldest first.

        None: it does not fit what is here (a correction of a closed bar, another session than was loaded
        with), so that all has to be loaded anew.
        """
        session = bar.session
        if session is None:
            return []
        label = self._label(bar.t, session)
        is_forming = bar.state is BarState.FORMING
        if label <= self._final:
            return [] if is_forming or self._is_known(label, bar) else None
        if self.session is None:
            return None
        bucket = self._bucket(label, session)
        known = bucket.minutes.get(bar.t)
        if known is not None and not known.is_forming and is_forming:
            return []
        bucket.minutes[bar.t] = _Minute({name: getattr(bar, name) for name in COLUMNS}, is_forming)
        if not is_forming and any(
            minute.is_forming
            for other in self._buckets.values()
            for t, minute in other.minutes.items()
            if t < bar.t
        ):
            return None
        closed = self._settle()
        return closed + self._forming(label)

    def columns(self, limit: int) -> tuple[dict[str, FloatArray], dict[str, dict[str, FloatArray]], int]:
        """The newest bars as columns (t among them), the indicators at them, and how many still form."""
        forming = self._forming(None)
        closed = max(0, limit - len(forming))
        forming = forming[-limit:]
        bars = {
            name: np.append(column.tail(closed), [one.values[name] for one in forming])
            for name, column in self._columns.items()
        }
        t = np.append(self._t.tail(closed), [one.t for one in forming]).astype(np.int64)
        found = {
            text: {
                name: np.append(column.tail(closed), [one.indicators[text][name] for one in forming])
                for name, column in carried.columns.items()
            }
            for text, carried in self._carried.items()
        }
        return {"t": t, **bars}, found, len(forming)

    def _is_known(self, label: int, bar: LiveBar) -> bool:
        """Whether a closed bar of a minute says what is here already."""
        if self._interval is not Interval.M1:
            return bar.state is BarState.CLOSED
        row = int(np.searchsorted(self._t.tail(), label))
        return row < len(self._t) and all(
            float(column.tail()[row]) == getattr(bar, name) for name, column in self._columns.items()
        )

    def _bucket(self, label: int, session: SessionSpan) -> _Bucket:
        bucket = self._buckets.setdefault(label, _Bucket(session))
        bucket.session = session
        return bucket

    def _settle(self) -> list[Changed]:
        """Close the bars that are final: their last minute is, or a closed minute follows them."""
        done = []
        newest_closed = max(
            (
                t
                for one in self._buckets.values()
                for t, minute in one.minutes.items()
                if not minute.is_forming
            ),
            default=-(2**62),
        )
        for label in sorted(self._buckets):
            bucket = self._buckets[label]
            is_open = any(minute.is_forming for minute in bucket.minutes.values())
            if is_open or not bucket.minutes or newest_closed + MINUTE_S < self._end(label, bucket):
                break
            done.append(self._close(label, bucket))
        return done

    def _close(self, label: int, bucket: _Bucket) -> Changed:
        values = bucket.values()
        self._t.append(label)
        for name, column in self._columns.items():
            column.append(values[name])
        indicators = {text: carried.close(values) for text, carried in self._carried.items()}
        del self._buckets[label]
        self._final = label
        return Changed(label, values, is_forming=False, indicators=indicators)

    def _forming(self, changed: int | None) -> list[Changed]:
        """The bars that are not final, those before `changed` left out."""
        labels = sorted(self._buckets)
        values = [self._buckets[label].values() for label in labels if self._known(label)]
        labels = [label for label in labels if self._known(label)]
        if not labels:
            return []
        peeks = {text: carried.live.peek(values) for text, carried in self._carried.items()}
        return [
            Changed(label, values[row], is_forming=True, indicators={k: v[row] for k, v in peeks.items()})
            for row, label in enumerate(labels)
            if changed is None or label >= changed
        ]

    def _known(self, label: int) -> bool:
        bucket = self._buckets[label]
        return bool(bucket.minutes) or bucket.base is not None

    def _label(self, t: int, session: SessionSpan) -> int:
        return label_of(self._interval, t, session)

    def _end(self, label: int, bucket: _Bucket) -> int:
        """When a bar is over; of weeks and months nobody knows before the next one begins."""
        session = bucket.session
        if session is None or self._interval in (Interval.W1, Interval.MO1):
            following = [other for other in self._buckets if other > label]
            return label if following else 2**62
        if self._interval is Interval.D1:
            return session.closes
        return min(label + self._interval.minutes * 60, session.closes)


def label_of(interval: Interval, t: int, session: SessionSpan) -> int:
    """Start of the bar of an interval that a minute lies in, as the stock-service labels it."""
    if interval.is_intraday:
        span_s = interval.minutes * 60
        return session.opens + (t - session.opens) // span_s * span_s
    return {Interval.D1: session.date, Interval.W1: session.week, Interval.MO1: session.month}[interval]
