"""Events of posts and buckets, through the outbox: what they tell holds neither texts nor authors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from stock_analysis.domain.events import (
    Payload,
    PostDeleted,
    PostSeen,
    SentimentChanged,
    encode_payload,
)
from stock_analysis.kit.events import Topic
from stock_analysis.kit.outbox import NewEvent, put_events
from stock_analysis.sentiment.ports import StoredBucket

SOURCE = "stock-analysis/sentiment"


@dataclass(frozen=True, slots=True)
class Mentioned:
    """A post about an instrument, as far as events tell of it."""

    instrument_id: int
    symbol: str
    posted_at: datetime
    key: bytes
    source: str


@dataclass(frozen=True, slots=True)
class Told:
    """A bucket that has changed."""

    symbol: str
    length_s: int
    stored: StoredBucket


async def tell_new(
    connection: asyncpg.Connection, posts: Sequence[Mentioned], languages: Mapping[bytes, str]
) -> None:
    """Tell of new posts."""
    payloads = [
        PostSeen(
            symbol=one.symbol,
            source=one.source,
            post_id=one.key.hex(),
            posted_at=int(one.posted_at.timestamp()),
            language=languages[one.key][:8],
        )
        for one in posts
    ]
    await _put(connection, Topic.POSTS, payloads)


async def tell_deleted(connection: asyncpg.Connection, posts: Sequence[Mentioned]) -> None:
    """Tell that posts are gone."""
    now = int(datetime.now(UTC).timestamp())
    payloads = [
        PostDeleted(symbol=one.symbol, source=one.source, post_id=one.key.hex(), deleted_at=now)
        for one in posts
    ]
    await _put(connection, Topic.POSTS_DELETED, payloads)


async def tell_buckets(connection: asyncpg.Connection, told: Sequence[Told]) -> None:
    """Tell of buckets as they are now."""
    payloads = [
        SentimentChanged(
            symbol=one.symbol,
            start=int(one.stored.start.timestamp()),
            length_s=one.length_s,
            count=one.stored.bucket.posts,
            score=one.stored.bucket.score,
            model=one.stored.model[:400],
            effective_n=one.stored.bucket.effective_n,
            low=one.stored.bucket.low,
            high=one.stored.bucket.high,
            revision=one.stored.revision,
            final=one.stored.final,
        )
        for one in told
    ]
    await _put(connection, Topic.SENTIMENT, payloads)


async def _put(connection: asyncpg.Connection, topic: Topic, payloads: Sequence[Payload]) -> None:
    events = [NewEvent(topic.value, one.symbol, one.schema, encode_payload(one)) for one in payloads]
    await put_events(connection, SOURCE, events)
