"""Bluesky's Jetstream: all public posts and deletions, without a key.

https://github.com/bluesky-social/jetstream: JSON over a WebSocket, `cursor` in epoch microseconds. Never run
live by us.
"""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from stock_analysis.sentiment.posts import Gone, RawPost
from stock_analysis.sentiment.sources.asking import text_of
from stock_analysis.sentiment.sources.port import About, Checked, Page, Room, SourceError, Why
from stock_analysis.sentiment.sources.web import Web, WebError

NAME = "bluesky"
COLLECTION = "app.bsky.feed.post"
PAGE_POSTS, PAGE_S = 500, 2.0
BACK_US = 5_000_000
"""The cursor goes back so far, as the documents advise, for no message to be missed."""
GAP_US = 3_600_000_000
"""So much later than the cursor, the first message shows that the stream has no longer what was between."""
MOST_GARBAGE = 1000
_GONE = frozenset({"deleted", "takendown", "suspended", "deactivated"})


class Bluesky:
    """A Source. Pages of PAGE_S; an account that is deleted, taken down or switched off takes its posts."""

    about = About(
        NAME,
        "Bluesky",
        tells_deletions=True,
        note="Open to all, no key. Deletions are told by the stream.",
    )

    def __init__(self, url: str) -> None:
        self._url = url

    async def read(self, web: Web, cursor: str, room: Room) -> AsyncGenerator[Page, None]:
        """Pages from the cursor on, without end."""
        query = [("wantedCollections", COLLECTION)]
        if cursor.isdigit():
            query.append(("cursor", str(max(0, int(cursor) - BACK_US))))
        page = _Gathered(cursor, after=int(cursor) if cursor.isdigit() else 0)
        left = room.posts
        try:
            async with aclosing(web.messages(f"{self._url}?{urlencode(query)}")) as messages:
                async for message in messages:
                    page.add(message)
                    if page.is_full():
                        left -= len(page.posts)
                        yield page.taken()
                        page = _Gathered(page.cursor)
                        if left <= 0:
                            return
        except WebError as error:
            if page.posts or page.gone:
                yield page.taken()
            raise SourceError(Why.FAILING, f"Bluesky's stream broke off: {error}") from error

    async def check(self, web: Web, ids: Sequence[str]) -> Checked:
        """The stream tells deletions; there is nothing to ask."""
        del web, ids
        return Checked()


class _Gathered:
    """What a page has so far."""

    def __init__(self, cursor: str, after: int = 0) -> None:
        self.cursor = cursor
        self._after = after
        self._gap = False
        self.posts: list[RawPost] = []
        self.gone: list[Gone] = []
        self._garbage = 0
        self._began = time.monotonic()

    def is_full(self) -> bool:
        return len(self.posts) >= PAGE_POSTS or time.monotonic() - self._began >= PAGE_S

    def taken(self) -> Page:
        return Page(self.posts, self.gone, self.cursor, wait_s=0.0, requests=0, gap=self._gap)

    def add(self, message: Any) -> None:
        """Raises SourceError when too much in a row cannot be understood."""
        try:
            self._read(message)
            self.cursor = str(int(message["time_us"]))
            self._gap |= 0 < self._after < int(self.cursor) - GAP_US
            self._after = 0
            self._garbage = 0
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self._garbage += 1
            if self._garbage > MOST_GARBAGE:
                raise SourceError(Why.FAILING, f"Bluesky's stream cannot be understood: {error}") from error

    def _read(self, message: Any) -> None:
        author = message["did"]
        if message["kind"] == "account":
            account = message["account"]
            if not account["active"] and account.get("status") in _GONE:
                self.gone.append(Gone(NAME, author=author))
        elif message["kind"] == "commit" and message["commit"]["collection"] == COLLECTION:
            self._commit(author, message)

    def _commit(self, author: str, message: Any) -> None:
        commit = message["commit"]
        post_id = f"at://{author}/{COLLECTION}/{commit['rkey']}"
        if commit["operation"] == "delete":
            self.gone.append(Gone(NAME, post_id))
            self.posts = [post for post in self.posts if post.post_id != post_id]
            return
        record = commit["record"]
        languages = record.get("langs") or [""]
        self.posts.append(
            RawPost(
                *(NAME, post_id, author, text_of(record, "text")),
                posted_at=_moment(text_of(record, "createdAt"), message["time_us"]),
                url=f"https://bsky.app/profile/{author}/post/{commit['rkey']}",
                language=str(languages[0])[:8],
            )
        )


def _moment(created: str, time_us: int) -> datetime:
    """When it was posted: what its author's program says, unless that is later than the stream saw it."""
    seen = datetime.fromtimestamp(time_us / 1e6, UTC)
    try:
        told = datetime.fromisoformat(created)
    except ValueError:
        return seen
    return min(seen, told if told.tzinfo else told.replace(tzinfo=UTC))
