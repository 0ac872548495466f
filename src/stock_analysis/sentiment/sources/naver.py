"""Naver's news search: Korean news by query.

https://developers.naver.com/docs/serviceapi/search/news/news.md: a client id and secret, 25,000 calls a day,
429 with errorCode 010 behind that. Never run live by us.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from stock_analysis.sentiment.posts import RawPost
from stock_analysis.sentiment.sources.asking import asked, text_of, understood
from stock_analysis.sentiment.sources.port import About, Checked, Page, Room
from stock_analysis.sentiment.sources.web import Web

NAME = "naver"
WAIT_S = 300.0


class Naver:
    """A Source of news for the queries that the settings name. secrets: client id and secret, at each use."""

    about = About(
        NAME,
        "Naver news",
        ("sentiment_naver_id", "sentiment_naver_secret", "sentiment_naver_queries"),
        requests=20_000,
        note="News in Korean; a key from developers.naver.com. The search tells no deletions.",
    )

    def __init__(self, url: str, queries: Sequence[str], secrets: Callable[[], tuple[str, str]]) -> None:
        self._url = url
        self._queries = queries
        self._secrets = secrets

    async def read(self, web: Web, cursor: str, room: Room) -> AsyncGenerator[Page, None]:
        """The newest 100 of each query, those newer than the cursor (epoch seconds)."""
        del room
        number, secret = self._secrets()
        headers = {"X-Naver-Client-Id": number, "X-Naver-Client-Secret": secret}
        since = int(cursor) if cursor.isdigit() else 0
        newest = since
        for query in self._queries:
            params = {"query": query, "display": "100", "sort": "date"}
            answer = await asked(web.get(self._url, params=params, headers=headers), "Naver")
            posts = understood("Naver", lambda: [_post(one) for one in answer.json()["items"]])  # noqa: B023 - used at once
            posts = [post for post in posts if post.posted_at.timestamp() >= since]
            newest = max([newest, *(int(post.posted_at.timestamp()) for post in posts)])
            last = query == self._queries[-1]
            yield Page(posts, cursor=str(newest) if last else cursor, wait_s=WAIT_S)

    async def check(self, web: Web, ids: Sequence[str]) -> Checked:
        """The search has no such question."""
        del web, ids
        return Checked()


def _post(item: Any) -> RawPost:
    link = text_of(item, "originallink") or text_of(item, "link")
    return RawPost(
        *(NAME, link, urlsplit(link).hostname or "naver"),
        f"{text_of(item, 'title')}<br>{text_of(item, 'description')}",
        posted_at=parsedate_to_datetime(item["pubDate"]).astimezone(UTC),
        url=link,
        language="ko",
        is_html=True,
    )
