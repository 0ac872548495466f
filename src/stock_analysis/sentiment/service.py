"""Answers out of buckets and posts, without HTTP."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stock_analysis.sentiment.aggregation import (
    COVERAGE,
    HISTORY_DAYS,
    LEAST_HISTORY,
    attention,
    weights_of,
)
from stock_analysis.sentiment.days import DAY, day_of, hour_of, is_judged, voices_of
from stock_analysis.sentiment.ports import (
    DAY_S,
    HOUR_S,
    Followed,
    OverviewRow,
    StoredBucket,
    StoredPost,
)
from stock_analysis.sentiment.repository import PostgresPostStore
from stock_analysis.sentiment.sources.catalogue import ABOUT

INTERVALS = {"1d": DAY_S, "1h": HOUR_S}
OVERVIEW_DAYS = HISTORY_DAYS + 1
MOST_LISTED = 20
LONGEST_EXCERPT = 400
_CHANGE_DAYS = 7
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """Which buckets: of which interval, from when until when (excluded), the newest `limit` of them."""

    interval: str
    start: datetime | None
    end: datetime | None
    limit: int

    @property
    def length_s(self) -> int:
        """Seconds of a bucket."""
        return INTERVALS[self.interval]


async def sentiment_of(store: PostgresPostStore, followed: Followed, span: Span) -> dict[str, Any]:
    """The answer about an instrument: its buckets as columns."""
    start, end = span.start or _BEGIN, span.end or _END
    oldest, first = await store.newest(followed.id, span.length_s, start, end, span.limit)
    if oldest is None or first is None:
        return _columns(followed, span, [], [], has_earlier=first is not None)
    history = oldest - timedelta(days=HISTORY_DAYS)
    found = await store.buckets(followed.id, span.length_s, history, end)
    shown = [one for one in found if one.start >= oldest]
    told = attentions(found, shown, first, span.length_s)
    return _columns(followed, span, shown, told, has_earlier=first < oldest)


def attentions(
    found: Sequence[StoredBucket], shown: Sequence[StoredBucket], first: datetime, length_s: int
) -> list[float | None]:
    """How unusual the volume of each bucket shown is; found: also those of the HISTORY_DAYS before them.

    Spans without posts count as 0, from the first bucket of all on: before it nothing was collected.
    """
    begin = int(found[0].start.timestamp())
    places = [(int(one.start.timestamp()) - begin) // length_s for one in found]
    volume = np.zeros(places[-1] + 1)
    volume[places] = [one.bucket.effective_n for one in found]
    sums, squares = _running(volume), _running(volume**2)
    since = max(0, (int(first.timestamp()) - begin) // length_s)
    before = HISTORY_DAYS * DAY_S // length_s
    told: list[float | None] = []
    for place in places[len(places) - len(shown) :]:
        begins = max(since, place - before)
        count = place - begins
        if count < LEAST_HISTORY:
            told.append(None)
            continue
        total = sums[place] - sums[begins]
        variance = max(0.0, (squares[place] - squares[begins] - total**2 / count) / (count - 1))
        mean = total / count
        told.append(float((volume[place] - mean) / max(math.sqrt(variance), math.sqrt(mean), 1.0)))
    return told


def _running(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate(([0.0], np.cumsum(values)))


def _columns(
    followed: Followed,
    span: Span,
    shown: Sequence[StoredBucket],
    told: Sequence[float | None],
    *,
    has_earlier: bool,
) -> dict[str, Any]:
    names = ("score", "low", "high", "positive", "negative", "unsure", "effective_n")
    counts = ("posts", "judged", "voices", "copies")
    return {
        "symbol": followed.symbol,
        "interval": span.interval,
        "t": [int(one.start.timestamp()) for one in shown],
        **{name: [round(getattr(one.bucket, name), 6) for one in shown] for name in names},
        **{name: [getattr(one.bucket, name) for one in shown] for name in counts},
        "attention": [None if one is None else round(one, 3) for one in told],
        "state": ["final" if one.final else "provisional" for one in shown],
        "revision": [one.revision for one in shown],
        "models": sorted({name for one in shown for name in one.model.split(", ") if name}),
        "coverage": COVERAGE,
        "sample": any(one.sample for one in shown),
        "has_earlier": has_earlier,
    }


async def posts_of(
    store: PostgresPostStore, followed: Followed, interval: str, start: datetime | None, limit: int
) -> dict[str, Any]:
    """The posts of a bucket, those that count most first. start: a moment in it; None = the newest bucket."""
    length_s = INTERVALS[interval]
    begin = await _begin(store, followed, interval, start)
    head = {"symbol": followed.symbol, "interval": interval}
    if begin is None:
        return {**head, "start": None, "state": None, "total": 0, "sample": False, "items": []}
    day = day_of(begin)
    found = await store.posts(followed.id, day, day + DAY)
    stored = await store.buckets(followed.id, length_s, begin, begin + timedelta(seconds=length_s))
    voices = voices_of(found)
    inside = [
        index
        for index, post in enumerate(found)
        if begin <= post.posted_at < begin + timedelta(seconds=length_s)
    ]
    weights = weights_of([voices[index] for index in inside])
    authors = Counter(voices[index].author for index in inside)
    copies = Counter(voices[index].copies for index in inside)
    items = [
        _post(found[index], weight, authors[voices[index].author], copies[voices[index].copies])
        for index, weight in zip(inside, weights, strict=True)
    ]
    items.sort(key=lambda item: (-item["weight"], -item["posted_at"].timestamp(), item["id"]))
    return {
        **head,
        "start": int(begin.timestamp()),
        "state": None if not stored else "final" if stored[0].final else "provisional",
        "total": len(items),
        "sample": any(found[index].sample for index in inside),
        "items": items[:limit],
    }


async def _begin(
    store: PostgresPostStore, followed: Followed, interval: str, start: datetime | None
) -> datetime | None:
    if start is not None:
        return day_of(start) if interval == "1d" else hour_of(start)
    newest, _ = await store.newest(followed.id, INTERVALS[interval], _BEGIN, _END, 1)
    return newest


def _post(post: StoredPost, weight: float, author_posts: int, copies: int) -> dict[str, Any]:
    spoken, judged = post.spoken, post.judged
    shown = post.source not in ABOUT or ABOUT[post.source].shows_text
    text = post.text if shown else None
    return {
        "id": post.key.hex(),
        "source": post.source,
        "posted_at": post.posted_at,
        "url": post.url or None,
        "text": text if text is None or len(text) <= LONGEST_EXCERPT else f"{text[:LONGEST_EXCERPT]}…",
        "language": judged.language,
        "label": judged.label,
        **{name: round(getattr(judged, name), 4) for name in ("score", "negative", "neutral", "positive")},
        "judged": is_judged(post),
        "model": judged.model,
        "weight": round(weight, 4),
        "author_posts": author_posts,
        "copies": copies,
        "kind": spoken.kind,
        "mention": text[spoken.begins : spoken.ends] if text is not None else None,
        "why": spoken.why,
    }


def overview_of(as_of: datetime | None, rows: Sequence[OverviewRow]) -> dict[str, Any]:
    """The lists of the newest day. rows: daily buckets of OVERVIEW_DAYS until it, by symbol and day."""
    by_symbol: dict[str, list[OverviewRow]] = {}
    for row in rows:
        by_symbol.setdefault(row.symbol, []).append(row)
    items = [_item(days) for days in by_symbol.values() if days[-1].sample or days[-1].start == as_of]
    moved = [item for item in items if item["change"] is not None]
    return {
        "as_of": None if as_of is None else int(as_of.timestamp()),
        "sample": any(row.sample for row in rows),
        "discussed": sorted(items, key=lambda item: (-item["effective_n"], item["symbol"]))[:MOST_LISTED],
        "movers": sorted(moved, key=_by_movement)[:MOST_LISTED],
    }


def _by_movement(item: dict[str, Any]) -> tuple[bool, float, str]:
    return not item["is_clear"], -abs(item["change"]), item["symbol"]


def _item(days: Sequence[OverviewRow]) -> dict[str, Any]:
    now = days[-1]
    before = [row for row in days[:-1] if row.start >= now.start - DAY * _CHANGE_DAYS]
    weight = math.fsum(row.effective_n for row in before)
    change, is_clear = None, False
    if weight:
        mean = math.fsum(row.effective_n * row.score for row in before) / weight
        half = math.sqrt(math.fsum((row.effective_n * (row.high - row.low) / 2) ** 2 for row in before))
        change = now.score - mean
        is_clear = abs(change) > math.hypot(half / weight, (now.high - now.low) / 2)
    volumes = {row.start: row.effective_n for row in days}
    since = min((now.start - days[0].start).days, HISTORY_DAYS)
    history = [volumes.get(now.start - DAY * back, 0.0) for back in range(1, since + 1)]
    told = attention(now.effective_n, history)
    return {
        "symbol": now.symbol,
        "name": now.name,
        "as_of": int(now.start.timestamp()),
        "posts": now.posts,
        "voices": now.voices,
        **{name: round(getattr(now, name), 6) for name in ("effective_n", "score", "low", "high")},
        "attention": None if told is None else round(told, 3),
        "change": None if change is None else round(change, 6),
        "is_clear": is_clear,
    }
