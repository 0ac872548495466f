"""Posts and buckets in PostgreSQL."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import astuple
from datetime import UTC, datetime

import asyncpg

from stock_analysis.domain.errors import UnavailableError, UnknownInstrumentError
from stock_analysis.kit.db import CONNECTION_ERRORS
from stock_analysis.sentiment import rows
from stock_analysis.sentiment.authors import AuthorKeys
from stock_analysis.sentiment.copies import fingerprint_of
from stock_analysis.sentiment.days import DAY
from stock_analysis.sentiment.ports import (
    Followed,
    NewPost,
    OverviewRow,
    SourceState,
    Stored,
    StoredBucket,
    StoredPost,
    Tracked,
)
from stock_analysis.sentiment.posts import final_before
from stock_analysis.sentiment.telling import Mentioned, tell_deleted, tell_new
from stock_analysis.sentiment.writing import SQL, Touched, close_day, remake

UNASKED = frozenset({"rss", "edgar", "naver"})
"""Sources that neither tell deletions nor can be asked."""


class PostgresPostStore:
    """A PostStore on PostgreSQL. ttl_days: how long texts and authors are kept."""

    def __init__(self, pool: asyncpg.Pool, ttl_days: int) -> None:
        self._pool = pool
        self.ttl_days = ttl_days

    async def instruments(self) -> Sequence[Tracked]:
        """All that posts may speak of."""
        return [
            Tracked(row["id"], row["symbol"], row["name"], row["exchange"], row["kind"], row["aliases"])
            for row in await self._fetch("instruments")
        ]

    async def instruments_state(self) -> tuple[object, ...]:
        """Equal as long as the instruments are the same."""
        return tuple((await self._fetch("instruments_state"))[0])

    async def followed(self, symbol: str) -> Followed:
        """An instrument. Raises UnknownInstrumentError, UnavailableError."""
        found = await self._fetch("listing", symbol)
        if not found:
            raise UnknownInstrumentError(symbol)
        return Followed(*found[0])

    async def add(self, posts: Sequence[NewPost]) -> Stored:
        """Store posts and make their buckets anew, in one transaction with the events of both.

        A post that is known with another text takes the place of it. Equal keys: the last one counts.
        """
        wanted = {post.key: post for post in posts}
        async with self._changing() as connection:
            keys = await AuthorKeys.read(connection)
            gone = await self._gone(connection, keys, list(wanted.values()))
            known = {row["post_key"]: row for row in await connection.fetch(SQL["known_posts"], list(wanted))}
            kept = [post for post in wanted.values() if post.key not in gone]
            fresh = [post for post in kept if post.key not in known]
            changed = [post for post in kept if post.key in known and _differs(known[post.key], post)]
            before = await _mentioned(connection, [post.key for post in changed])
            await connection.execute(SQL["delete_posts"], [post.key for post in changed])
            added = sorted((*fresh, *changed), key=lambda post: (post.posted_at, post.key))
            await self._insert(connection, keys, added)
            now = await _mentioned(connection, [post.key for post in added])
            told = {post.key: post.judged.language for post in added if not post.sample}
            await tell_new(connection, [one for one in now if one.key in told], told)
            symbols = await remake(connection, Touched.of(*before, *now), self.final_before())
        return Stored(len(fresh), len(changed), len(kept) - len(added), len(gone), symbols)

    async def delete(self, keys: Sequence[bytes]) -> int:
        """Delete posts for good, in one transaction with buckets and events; returns how many there were."""
        async with self._changing() as connection:
            return await self._delete(connection, keys)

    async def forget_post(self, key: bytes) -> int:
        """Delete a post for good, and do not take it, though it may never have been stored."""
        async with self._changing() as connection:
            await connection.execute(SQL["note_gone"], "post", [key])
            return await self._delete(connection, [key])

    async def forget_author(self, source: str, author: str, *, for_good: bool = True) -> int:
        """Delete an author's posts; returns how many there were. for_good: take none of theirs ever again."""
        async with self._changing() as connection:
            keys = await AuthorKeys.read(connection)
            hashes = keys.every(source, author)
            if for_good:
                forgotten = await keys.forgotten(connection, source, author)
                await connection.execute(SQL["note_gone"], "author", [forgotten])
            found = await connection.fetch(SQL["posts_of_authors"], hashes, source)
            return await self._delete(connection, [row["post_key"] for row in found])

    async def remove_sample(self) -> int:
        """Delete the posts that we wrote; returns how many there were."""
        async with self._changing() as connection:
            found = [row["post_key"] for row in await connection.fetch(SQL["sample_posts"])]
            before = await _mentioned(connection, found)
            await connection.execute(SQL["delete_posts"], found)
            await remake(connection, Touched.of(*before), self.final_before())
        return len(found)

    async def holds(self) -> tuple[bool, bool]:
        """Whether there are posts that we wrote, and others."""
        row = (await self._fetch("any_post"))[0]
        return row["sample"], row["real"]

    async def buckets(
        self, instrument_id: int, length_s: int, start: datetime, end: datetime
    ) -> Sequence[StoredBucket]:
        """The buckets that begin from start until before end, oldest first."""
        return [rows.bucket(row) for row in await self._fetch("buckets", instrument_id, length_s, start, end)]

    async def newest(
        self, instrument_id: int, length_s: int, start: datetime, end: datetime, limit: int
    ) -> tuple[datetime | None, datetime | None]:
        """Start of the oldest of the newest `limit` buckets in a span, and of the first one of all."""
        row = (await self._fetch("newest_buckets", instrument_id, length_s, start, end, limit))[0]
        return row["start"], row["first"]

    async def posts(self, instrument_id: int, start: datetime, end: datetime) -> Sequence[StoredPost]:
        """The posts about an instrument from start until before end, oldest first."""
        return [
            rows.post(instrument_id, row) for row in await self._fetch("voices", instrument_id, start, end)
        ]

    async def overview_version(self) -> tuple[object, ...]:
        """Equal as long as nothing has changed of any instrument's posts."""
        return tuple((await self._fetch("overview_version"))[0])

    async def overview(self, days: int) -> tuple[datetime | None, Sequence[OverviewRow]]:
        """The newest day with posts, and all daily buckets of the days until it; of the sample, every day."""
        newest = await self._fetch("newest_day")
        if not newest:
            return None, ()
        day, sample = newest[0]
        since = day - DAY * (days - 1) if not sample else datetime.min.replace(tzinfo=UTC)
        found = await self._fetch("overview", since, day + DAY, sample)
        return day, [OverviewRow(*tuple(row)[1:]) for row in found]

    async def sources(self) -> Mapping[str, SourceState]:
        """How each source stands that was ever read."""
        return {row["name"]: rows.source(row) for row in await self._fetch("sources")}

    async def put_source(self, state: SourceState) -> None:
        """Note how a source stands."""
        await self._fetch("put_source", *astuple(state)[:-1], str(state.spent))

    async def to_check(self, source: str, before: datetime, limit: int) -> Sequence[str]:
        """Ids of posts that the source was not seen to have since then, the longest unseen first."""
        return [row["post_id"] for row in await self._fetch("to_check", source, before, limit)]

    async def note_checked(self, keys: Sequence[bytes]) -> None:
        """Note that the source still has these posts."""
        await self._fetch("note_checked", list(keys))

    async def note_all_checked(self, source: str, before: datetime) -> None:
        """Note that a stream has told all deletions until now."""
        await self._fetch("note_all_checked", source, before)

    async def forget_texts(self, posted_before: datetime, seen_before: datetime) -> int:
        """Drop texts that are too old, or that their source was not seen to have since then.

        Those of sources that tell no deletions, and cannot be asked, are not seen again: only age ends them.
        """
        touched = await self._fetch("forget_texts", posted_before, seen_before, list(UNASKED))
        await self._fetch("raise_versions", [row["post_key"] for row in touched])
        return len(touched)

    async def drop_texts(self, source: str) -> int:
        """Drop all texts of a source: which of them it has deleted is not known any more."""
        touched = await self._fetch("drop_texts", source)
        await self._fetch("raise_versions", [row["post_key"] for row in touched])
        return len(touched)

    async def close_days(self, now: datetime) -> int:
        """Make the days final whose time has come: numbers in the place of authors and fingerprints."""
        before, closed = self.final_before(now), 0
        while True:
            async with self._changing() as connection:
                days = await connection.fetch(SQL["open_days"], before)
                for row in days:
                    await close_day(connection, row["instrument_id"], row["day"])
                touched = Touched([(row["symbol"], row["instrument_id"], row["day"]) for row in days])
                await remake(connection, touched, before)
            closed += len(days)
            if not days:
                return closed

    async def forget_people(self, now: datetime) -> int:
        """Drop who wrote the posts of final days, where and what, and the keys of their hashes."""
        before = self.final_before(now)
        async with self._changing() as connection:
            forgotten = await connection.fetch(SQL["forget_people"], before)
            await connection.execute(SQL["drop_author_keys"], f"{before:%Y-%m-%d}")
        return len(forgotten)

    async def prune_gone(self, before: datetime) -> int:
        """Drop notes of posts that went long ago."""
        return len(await self._fetch("prune_gone", before))

    def final_before(self, now: datetime | None = None) -> datetime:
        """Begin of the oldest day that is not final."""
        return final_before(now or datetime.now(UTC), self.ttl_days)

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[asyncpg.Connection]:
        """A transaction that no other one changes posts beside."""
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(SQL["lock"])
                yield connection
        except CONNECTION_ERRORS as error:
            raise _unavailable(error) from error

    async def _delete(self, connection: asyncpg.Connection, keys: Sequence[bytes]) -> int:
        before = await _mentioned(connection, keys)
        deleted = [row["post_key"] for row in await connection.fetch(SQL["delete_posts"], list(keys))]
        await connection.execute(SQL["note_gone"], "post", deleted)
        await tell_deleted(connection, before)
        await remake(connection, Touched.of(*before), self.final_before())
        return len(deleted)

    async def _gone(
        self, connection: asyncpg.Connection, keys: AuthorKeys, posts: Sequence[NewPost]
    ) -> set[bytes]:
        authors = {post.key: await keys.forgotten(connection, post.source, post.author) for post in posts}
        found = await connection.fetch(SQL["gone"], list(authors), list(set(authors.values())))
        gone = {row["key"] for row in found}
        return {key for key, author in authors.items() if key in gone or author in gone}

    async def _insert(
        self, connection: asyncpg.Connection, keys: AuthorKeys, posts: Sequence[NewPost]
    ) -> None:
        columns = [
            (
                *(post.key, post.source, post.post_id, post.url),
                await keys.of_day(connection, post.posted_at, post.source, post.author),
                *(post.text, fingerprint_of(post.text), post.judged.language, post.posted_at),
                *(post.judged.negative, post.judged.neutral, post.judged.positive, post.judged.score),
                *(post.judged.label, post.judged.model, post.sample),
            )
            for post in posts
        ]
        mentions = [
            (one.instrument_id, post.posted_at, post.key, one.kind, one.begins, one.ends, one.why)
            for post in posts
            for one in post.spoken
        ]
        if columns:
            await connection.execute(SQL["add_posts"], *map(list, zip(*columns, strict=True)))
        if mentions:
            await connection.execute(SQL["add_mentions"], *map(list, zip(*mentions, strict=True)))

    async def _fetch(self, name: str, *arguments: object) -> list[asyncpg.Record]:
        try:
            found: list[asyncpg.Record] = await self._pool.fetch(SQL[name], *arguments)
        except CONNECTION_ERRORS as error:
            raise _unavailable(error) from error
        return found


async def _mentioned(connection: asyncpg.Connection, keys: Sequence[bytes]) -> list[Mentioned]:
    return [Mentioned(*row) for row in await connection.fetch(SQL["mentioned"], list(keys))]


def _differs(known: asyncpg.Record, post: NewPost) -> bool:
    """A text that was dropped is not compared: what comes again is known."""
    return known["text"] is not None and (known["text"], known["posted_at"]) != (post.text, post.posted_at)


def _unavailable(error: Exception) -> UnavailableError:
    return UnavailableError("PostgreSQL", str(error) or type(error).__name__)
