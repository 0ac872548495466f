"""Posts for tests."""

import hashlib
from datetime import UTC, datetime, timedelta

from stock_analysis.sentiment.aggregation import Label
from stock_analysis.sentiment.ports import Judged, NewPost, Spoken
from stock_analysis.sentiment.posts import key_of

MODEL = "test-1"


def noon(days_ago: int = 1) -> datetime:
    """12:00 UTC some days ago."""
    today = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days_ago)


def new_post(
    post_id: str,
    *,
    instrument_id: int = 1,
    author: str = "",
    text: str = "",
    posted_at: datetime | None = None,
    score: float = 0.5,
    source: str = "bluesky",
) -> NewPost:
    """A post about an instrument; without an author or a text it has ones of its own."""
    words = hashlib.sha256(post_id.encode()).hexdigest()
    label: Label = "positive" if score > 0.2 else "negative" if score < -0.2 else "neutral"
    positive, negative = max(score, 0.0), max(-score, 0.0)
    return NewPost(
        key=key_of(source, post_id),
        source=source,
        post_id=post_id,
        url=f"https://posts.example/{post_id}",
        author=author or f"author of {post_id}",
        text=text or f"$AAPL {words[:20]} {words[20:40]} {words[40:]}",
        posted_at=posted_at or noon(),
        judged=Judged("en", negative, 1 - positive - negative, positive, score, label, MODEL),
        spoken=[Spoken(instrument_id, "cashtag", 0, 5, "cashtag $AAPL")],
    )
