"""X: recent search and filtered stream of its API v2, each post at a price.

https://docs.x.com/x-api: a bearer token, x-rate-limit-reset (epoch seconds), $0.005 for each post read. Off
until a cap in dollars is set. Never run live by us.
"""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson

from stock_analysis.sentiment.posts import RawPost
from stock_analysis.sentiment.sources.asking import Reset, accepted, asked, text_of, understood
from stock_analysis.sentiment.sources.port import NOTHING, About, Checked, Page, Room, SourceError, Why
from stock_analysis.sentiment.sources.web import Web, WebError, at_epoch

NAME = "x"
WAIT_S = 300.0
PRICE = Decimal("0.005")
FEWEST, MOST = 10, 100
"""Posts of a page that the search takes."""
STREAM_S, STREAM_PAGE_S, SILENCE_S = 1800.0, 5.0, 60.0
"""How long a stream is read before posts are checked, how long a page of it gathers; X beats every 20 s."""
TAG = "stock-analysis"
_RESET: Reset = ("x-rate-limit-reset", at_epoch)
_FIELDS = {"tweet.fields": "created_at,lang,author_id"}


class X:
    """A Source of recent search, and with stream of the filtered stream behind it.

    secret: the bearer token, at each use. What a page may cost is kept free.
    """

    about = About(
        NAME,
        "X",
        ("sentiment_x_token", "sentiment_x_query", "sentiment_x_dollars_a_day"),
        price=PRICE,
        check_posts=100,
        shows_text=False,
        note="Each post read costs $0.005, the check whether it is still there too. Texts are not shown.",
    )

    def __init__(self, url: str, query: str, secret: Callable[[], str], *, stream: bool = False) -> None:
        self._stream = stream
        self._url = url.rstrip("/")
        self._query = query
        self._secret = secret

    async def read(self, web: Web, cursor: str, room: Room) -> AsyncGenerator[Page, None]:
        """Posts newer than the cursor (the id of the newest before), within the money left: a page of the
        search; then those that the stream tells, for STREAM_S, where it is wanted.
        """
        count = min(MOST, room.posts, int(room.dollars / PRICE))
        if count < FEWEST:
            return
        page = await self._search(web, cursor, count)
        yield page
        if self._stream:
            left = min(room.posts, int(room.dollars / PRICE)) - len(page.posts)
            async for more in self._streamed(web, page.cursor, left):
                yield more

    async def _search(self, web: Web, cursor: str, count: int) -> Page:
        params = {"query": self._query, "max_results": str(count), **_FIELDS}
        if cursor.isdigit():
            params["since_id"] = cursor
        url = f"{self._url}/2/tweets/search/recent"
        answer = await asked(web.get(url, params=params, headers=self._headers()), "X", _RESET)
        found = understood("X", answer.json)
        posts = understood("X", lambda: [_post(one) for one in found.get("data", ())])
        newest = understood("X", lambda: str(found.get("meta", {}).get("newest_id") or cursor))
        return Page(posts, cursor=newest, wait_s=WAIT_S, cost=PRICE * len(posts))

    async def _streamed(self, web: Web, cursor: str, left: int) -> AsyncGenerator[Page, None]:
        """Pages of STREAM_PAGE_S. What a break loses is found by the search of the next turn."""
        await self._set_rule(web)
        gathered: list[RawPost] = []
        began = page_began = time.monotonic()
        url = f"{self._url}/2/tweets/search/stream"
        try:
            async with web.lines(url, params=_FIELDS, headers=self._headers(), silence_s=SILENCE_S) as (
                answer,
                lines,
            ):
                accepted(answer, "X's stream", _RESET)
                async for line in lines:
                    gathered += understood("X's stream", lambda: _told(line))  # noqa: B023 - used at once
                    now = time.monotonic()
                    is_over = now - began >= STREAM_S or len(gathered) >= left
                    if is_over or len(gathered) >= MOST or now - page_began >= STREAM_PAGE_S:
                        cursor = max([cursor, *(post.post_id for post in gathered)], key=_id)
                        yield _page(gathered, cursor)
                        left -= len(gathered)
                        gathered, page_began = [], now
                    if is_over:
                        return
        except WebError as error:
            if gathered:
                yield _page(gathered, max([cursor, *(post.post_id for post in gathered)], key=_id))
            raise SourceError(Why.FAILING, f"X's stream broke off: {error}") from error

    async def _set_rule(self, web: Web) -> None:
        """One rule of ours: the query. Rules of others are left alone."""
        url, headers = f"{self._url}/2/tweets/search/stream/rules", self._headers()
        answer = await asked(web.get(url, headers=headers), "X's rules", _RESET)
        found = understood(
            "X's rules", lambda: [one for one in answer.json().get("data", ()) if one.get("tag") == TAG]
        )
        if [one.get("value") for one in found] == [self._query]:
            return
        if found:
            ids = understood("X's rules", lambda: [str(one["id"]) for one in found])
            await asked(web.post_json(url, {"delete": {"ids": ids}}, headers=headers), "X's rules", _RESET)
        rule = {"add": [{"value": self._query, "tag": TAG}]}
        await asked(web.post_json(url, rule, headers=headers), "X's rules", _RESET)

    async def check(self, web: Web, ids: Sequence[str]) -> Checked:
        """Whether posts are still there."""
        params = {"ids": ",".join(ids), "tweet.fields": "author_id"}
        answer = await asked(
            web.get(f"{self._url}/2/tweets", params=params, headers=self._headers()), "X", _RESET
        )
        found = understood("X", answer.json)
        there = understood("X", lambda: {str(one["id"]) for one in found.get("data", ())})
        gone = understood("X", lambda: {str(one["value"]) for one in found.get("errors", ())})
        return Checked(
            [one for one in ids if one in there],
            [one for one in ids if one in gone and one not in there],
            cost=PRICE * len(there) or NOTHING,
        )

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._secret()}"}


def _page(posts: Sequence[RawPost], cursor: str) -> Page:
    return Page(posts, cursor=cursor, wait_s=0.0, requests=0, cost=PRICE * len(posts))


def _id(text: str) -> int:
    return int(text) if text.isdigit() else -1


def _told(line: bytes) -> list[RawPost]:
    """The post of a line; none of a heartbeat. Raises ValueError for a line that says why the stream ends."""
    if not line:
        return []
    found = orjson.loads(line)
    if "data" not in found:
        raise ValueError(str(found.get("errors", found))[:200])
    return [_post(found["data"])]


def _post(one: dict[str, Any]) -> RawPost:
    return RawPost(
        *(NAME, str(one["id"]), str(one["author_id"]), text_of(one, "text")),
        posted_at=datetime.fromisoformat(one["created_at"]).astimezone(UTC),
        url=f"https://x.com/i/web/status/{one['id']}",
        language=text_of(one, "lang")[:8],
    )
