"""Posts from a source to the store: cleaned, refused with a reason, read, judged, kept."""

from collections import Counter as Counts
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import structlog
from prometheus_client import Counter

from stock_analysis.sentiment.ports import NewPost, PostStore, Reader, Stored
from stock_analysis.sentiment.posts import (
    Gone,
    RawPost,
    Refusal,
    cleaned,
    final_before,
    key_of,
    link_of,
    refusal_of,
)

log = structlog.get_logger(__name__)

TAKEN = Counter("sentiment_posts_total", "Posts that were taken: new, changed, known.", ["source", "what"])
REFUSED = Counter("sentiment_refused_total", "Posts that were not taken, by reason.", ["source", "reason"])
DELETED = Counter("sentiment_deleted_total", "Posts deleted because their source or author did.", ["source"])

BATCH = 500


class Intake:
    """What becomes of what the sources tell."""

    def __init__(self, store: PostStore, reader: Reader, ttl_days: int) -> None:
        self._store = store
        self._reader = reader
        self._ttl_days = ttl_days

    async def take(self, posts: Sequence[RawPost], *, sample: bool = False) -> Mapping[str, int]:
        """Take posts; returns how many were new, changed, known, and refused by reason.

        Each batch commits as a whole with its buckets and events. Raises UnavailableError; what was committed
        before stays, and taking it again changes nothing.
        """
        await self._reader.prepare()
        counts: Counts[str] = Counts()
        for start in range(0, len(posts), BATCH):
            counts.update(await self._take(posts[start : start + BATCH], sample=sample))
        return counts

    async def _take(self, posts: Sequence[RawPost], *, sample: bool) -> Counts[str]:
        counts: Counts[str] = Counts()
        now = datetime.now(UTC)
        oldest = datetime.min.replace(tzinfo=UTC) if sample else final_before(now, self._ttl_days)
        kept: list[tuple[RawPost, str]] = []
        for post in posts:
            text = cleaned(post)
            refusal = refusal_of(post, text, now, oldest)
            if refusal is None:
                kept.append((post, text))
            else:
                self._refuse(counts, post, refusal)
        found = await self._reader.read([text for _, text in kept], [post.posted_at for post, _ in kept])
        new: list[NewPost] = []
        for (post, text), (spoken, judged) in zip(kept, found, strict=True):
            if judged is None:
                self._refuse(counts, post, Refusal.NO_STOCK)
                continue
            link = link_of(post.url)
            new.append(
                NewPost(
                    *(post.key, post.source, post.post_id, link, post.author, text, post.posted_at),
                    judged=judged,
                    spoken=spoken,
                    sample=sample,
                )
            )
        if new:
            self._note(counts, new[0].source, await self._store.add(new))
        return counts

    async def drop(self, gone: Sequence[Gone]) -> int:
        """Delete what a source says is gone; returns how many posts of it were stored."""
        deleted = 0
        by_source: dict[str, list[bytes]] = {}
        for one in gone:
            if one.post_id:
                by_source.setdefault(one.source, []).append(key_of(one.source, one.post_id))
        for source, keys in by_source.items():
            count = await self._store.delete(keys)
            DELETED.labels(source).inc(count)
            deleted += count
        for one in gone:
            if one.author:
                count = await self._store.forget_author(one.source, one.author, for_good=False)
                DELETED.labels(one.source).inc(count)
                deleted += count
        return deleted

    def _refuse(self, counts: Counts[str], post: RawPost, refusal: Refusal) -> None:
        counts[refusal.value] += 1
        REFUSED.labels(post.source, refusal.value).inc()

    def _note(self, counts: Counts[str], source: str, stored: Stored) -> None:
        for what in ("new", "changed", "known"):
            counts[what] += getattr(stored, what)
            TAKEN.labels(source, what).inc(getattr(stored, what))
        counts[Refusal.GONE.value] += stored.gone
        if stored.gone:
            REFUSED.labels(source, Refusal.GONE.value).inc(stored.gone)
