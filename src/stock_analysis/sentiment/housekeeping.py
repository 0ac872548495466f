"""The duties of time: texts kept long enough, days that are final, authors who are forgotten."""

from datetime import UTC, datetime, timedelta

from stock_analysis.sentiment.repository import PostgresPostStore

MUST_BE_SEEN = timedelta(hours=24)
"""A text that its source was not seen to have for so long is dropped: it may be deleted there."""
KEEP_GONE = timedelta(days=400)


async def tidy(store: PostgresPostStore, now: datetime | None = None) -> dict[str, int]:
    """Do what is due; returns how many texts, days, people and notes that was."""
    now = now or datetime.now(UTC)
    return {
        "texts": await store.forget_texts(now - timedelta(days=store.ttl_days), now - MUST_BE_SEEN),
        "days": await store.close_days(now),
        "people": await store.forget_people(now),
        "notes": await store.prune_gone(now - KEEP_GONE),
    }
