"""The buckets of a day of an instrument, out of its posts: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stock_analysis.sentiment.aggregation import Voice, aggregate
from stock_analysis.sentiment.copies import fingerprints, groups_of
from stock_analysis.sentiment.ports import DAY_S, HOUR_S, StoredBucket, StoredPost

DAY = timedelta(days=1)


def day_of(moment: datetime) -> datetime:
    """Begin of the day (UTC) that a moment is in."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def hour_of(moment: datetime) -> datetime:
    """Begin of the hour that a moment is in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class Numbers:
    """In the place of an author and a fingerprint: numbers within instrument and day."""

    voice: int
    copies: int


def voices_of(posts: Sequence[StoredPost]) -> list[Voice]:
    """The posts of a day as they count, in their order. Near-copies are looked for in the whole day."""
    numbered = _numbered(posts)
    return [
        Voice(
            author=one.voice,
            copies=one.copies,
            score=post.judged.score,
            label=post.judged.label,
            judged=is_judged(post),
        )
        for post, one in zip(posts, numbered, strict=True)
    ]


def is_judged(post: StoredPost) -> bool:
    """Whether the model knew the language."""
    return post.judged.negative + post.judged.neutral + post.judged.positive > 0


def numbers_of(posts: Sequence[StoredPost]) -> dict[bytes, Numbers]:
    """The numbers that stay of authors and fingerprints when a day is final, by post."""
    return {post.key: one for post, one in zip(posts, _numbered(posts), strict=True)}


def _numbered(posts: Sequence[StoredPost]) -> list[Numbers]:
    """Those of before stay; a day that is final takes no posts, so that new and old ones do not meet."""
    open_ones = [index for index, post in enumerate(posts) if post.voice is None]
    prints = [posts[index].minhash or b"" for index in open_ones]
    groups = groups_of(fingerprints(prints)) if prints else []
    taken = max(
        (max(post.voice, post.copies or 0) + 1 for post in posts if post.voice is not None), default=0
    )
    authors: dict[bytes | None, int] = {}
    found = {index: taken + group for index, group in zip(open_ones, groups, strict=True)}
    numbers = []
    for index, post in enumerate(posts):
        if post.voice is not None:
            numbers.append(Numbers(post.voice, post.copies if post.copies is not None else -1))
        else:
            voice = authors.setdefault(post.author, taken + len(authors))
            numbers.append(Numbers(voice, found[index]))
    return numbers


def buckets_of(posts: Sequence[StoredPost], *, final: bool) -> Mapping[tuple[int, datetime], StoredBucket]:
    """The buckets of a day, by length in seconds and start. posts: all of the day and the instrument."""
    voices = voices_of(posts)
    spans: dict[tuple[int, datetime], list[int]] = {}
    for index, post in enumerate(posts):
        for span in ((DAY_S, day_of(post.posted_at)), (HOUR_S, hour_of(post.posted_at))):
            spans.setdefault(span, []).append(index)
    return {
        span: StoredBucket(
            start=span[1],
            bucket=aggregate([voices[index] for index in indices]),
            model=", ".join(sorted({posts[index].judged.model for index in indices})),
            sample=any(posts[index].sample for index in indices),
            final=final,
        )
        for span, indices in spans.items()
    }
