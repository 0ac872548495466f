"""Events of posts and buckets, from the transaction that wrote them to a consumer, on any log."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest

from stock_analysis.domain.events import PostDeleted, PostSeen, SentimentChanged, decode_payload
from stock_analysis.kit.consumers import Consumer
from stock_analysis.kit.db import Role, open_pool
from stock_analysis.kit.events import Event, EventLog, Topic
from stock_analysis.kit.settings import Settings
from stock_analysis.sentiment.repository import PostgresPostStore
from stock_analysis.testing.posts import new_post
from tests.integration.events.flow_contract import flowing

TOPICS = (Topic.POSTS.value, Topic.POSTS_DELETED.value, Topic.SENTIMENT.value)


class PostsContract:
    """The suite; a subclass in a file of its own gives `event_log` and `flow_settings`."""

    @pytest.fixture
    async def store(self, database: Settings) -> AsyncIterator[PostgresPostStore]:
        async with await open_pool(database, Role.SENTIMENT, application_name="test") as own:
            yield PostgresPostStore(own, 7)

    async def test_posts_their_deletion_and_buckets_arrive_in_order_and_without_a_word_of_them(
        self, flow_settings: Settings, event_log: EventLog, pool: asyncpg.Pool, store: PostgresPostStore
    ) -> None:
        number = await pool.fetchval(
            "INSERT INTO instrument (symbol, name, exchange, currency, kind)"
            " VALUES ('AAPL', 'Apple', 'XNAS', 'USD', 'stock') RETURNING id"
        )
        seen: list[Event] = []

        async def note(_: asyncpg.Connection, events: Sequence[Event]) -> None:
            seen.extend(events)

        posts = [new_post(f"p{n}", instrument_id=number, author="did:secret") for n in range(3)]
        async with flowing(flow_settings, event_log, consumer=Consumer("mood", TOPICS, note)):
            await store.add(posts)
            await store.delete([posts[0].key])
            await _until_in(seen, {Topic.POSTS: 3, Topic.POSTS_DELETED: 1, Topic.SENTIMENT: 4})
        payloads = [decode_payload(one.topic, one.schema, one.data) for one in seen]
        assert {one.post_id for one in payloads if isinstance(one, PostSeen)} == {p.key.hex() for p in posts}
        assert [one.post_id for one in payloads if isinstance(one, PostDeleted)] == [posts[0].key.hex()]
        buckets = [one for one in payloads if isinstance(one, SentimentChanged)]
        for length_s in (3600, 86400):
            of_it = [(one.count, one.revision) for one in buckets if one.length_s == length_s]
            assert of_it == [(3, 1), (2, 2)]
        everything = b"\n".join(one.data for one in seen)
        assert not [word for word in (b"did:secret", b"posts.example", b"$AAPL") if word in everything]


async def _until_in(seen: Sequence[Event], wanted: dict[Topic, int]) -> None:
    async with asyncio.timeout(90):
        while {topic: sum(one.topic == topic for one in seen) for topic in wanted} != wanted:  # noqa: ASYNC110 - a consumer fills it
            await asyncio.sleep(0.1)
