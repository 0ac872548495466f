"""Reddit: new submissions of subreddits over its OAuth API.

https://www.reddit.com/dev/api, https://github.com/reddit-archive/reddit/wiki/OAuth2: an application's token
(client_credentials), X-Ratelimit-Remaining and -Reset (seconds). New keys are given on approval only since
November 2025. Never run live by us.
"""

import time
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from stock_analysis.sentiment.posts import Gone, RawPost
from stock_analysis.sentiment.sources.asking import Reset, asked, text_of, understood
from stock_analysis.sentiment.sources.port import About, Checked, Page, Room, SourceError, Why
from stock_analysis.sentiment.sources.web import Answer, Web, in_seconds

NAME = "reddit"
WAIT_S = 60.0
MOST_PAGES = 10
_RESET: Reset = ("x-ratelimit-reset", in_seconds)
_DELETED = "[deleted]"


class Reddit:
    """A Source. secrets: client id and secret, at each use."""

    about = About(
        NAME,
        "Reddit",
        ("sentiment_reddit_id", "sentiment_reddit_secret", "sentiment_reddit_subreddits"),
        requests=50_000,
        check_posts=100,
        note="A key is given on approval only since November 2025. Deleted posts are asked for every 12 h.",
    )

    def __init__(
        self,
        url: str,
        token_url: str,
        subreddits: Sequence[str],
        secrets: Callable[[], tuple[str, str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url.rstrip("/")
        self._token_url = token_url
        self._subreddits = "+".join(subreddits)
        self._secrets = secrets
        self._clock = clock
        self._token, self._until = "", 0.0

    async def read(self, web: Web, cursor: str, room: Room) -> AsyncGenerator[Page, None]:
        """Submissions newer than the cursor (the full name of the newest before), oldest page first."""
        del room
        for number in range(MOST_PAGES):
            params = {"limit": "100", "raw_json": "1"} | ({"before": cursor} if cursor else {})
            answer = await self._get(web, f"/r/{self._subreddits}/new", params)
            children = understood("Reddit", lambda: _children(answer))  # noqa: B023 - used at once
            posts, gone = understood("Reddit", lambda: _sorted(children))  # noqa: B023 - used at once
            if children:
                cursor = understood("Reddit", lambda: str(children[0]["name"]))  # noqa: B023 - used at once
            more = bool(children) and len(children) >= 100 and number < MOST_PAGES - 1
            yield Page(posts, gone, cursor, wait_s=0.0 if more else _wait_s(answer))
            if not more:
                return

    async def check(self, web: Web, ids: Sequence[str]) -> Checked:
        """Whether submissions are still there: without an author, or taken away, they are not."""
        answer = await self._get(web, "/api/info", {"id": ",".join(ids), "raw_json": "1"})
        children = understood("Reddit", lambda: _children(answer))
        there = understood("Reddit", lambda: {str(one["name"]) for one in children if not _is_gone(one)})
        return Checked([one for one in ids if one in there], [one for one in ids if one not in there])

    async def _get(self, web: Web, path: str, params: dict[str, str]) -> Answer:
        if self._clock() >= self._until:
            await self._renew(web)
        headers = {"Authorization": f"bearer {self._token}"}
        try:
            return await asked(web.get(self._url + path, params=params, headers=headers), "Reddit", _RESET)
        except SourceError as error:
            if error.why is Why.REFUSED:
                self._until = 0.0  # the next try asks for a new token
            raise

    async def _renew(self, web: Web) -> None:
        basic = b64encode(":".join(self._secrets()).encode()).decode()
        headers = {"Authorization": f"Basic {basic}"}
        form = {"grant_type": "client_credentials"}
        answer = await asked(web.post(self._token_url, form, headers=headers), "Reddit's token", _RESET)
        found = understood("Reddit's token", answer.json)
        if not isinstance(found, dict) or "access_token" not in found:
            raise SourceError(Why.REFUSED, "Reddit gives no token for this key")
        self._token = str(found["access_token"])
        seconds = understood("Reddit's token", lambda: float(found.get("expires_in", 3600)))
        self._until = self._clock() + max(60.0, seconds - 60)


def _children(answer: Answer) -> list[dict[str, Any]]:
    return [one["data"] for one in answer.json()["data"]["children"] if one["kind"] == "t3"]


def _sorted(children: Sequence[dict[str, Any]]) -> tuple[list[RawPost], list[Gone]]:
    posts = [_post(one) for one in children if not _is_gone(one)]
    return posts, [Gone(NAME, str(one["name"])) for one in children if _is_gone(one)]


def _is_gone(one: dict[str, Any]) -> bool:
    return one.get("author") in (None, _DELETED) or bool(one.get("removed_by_category"))


def _post(one: dict[str, Any]) -> RawPost:
    return RawPost(
        *(NAME, one["name"], text_of(one, "author_fullname") or one["author"]),
        f"{text_of(one, 'title')}\n{text_of(one, 'selftext')}",
        posted_at=datetime.fromtimestamp(float(one["created_utc"]), UTC),
        url=f"https://www.reddit.com{text_of(one, 'permalink')}",
    )


def _wait_s(answer: Answer) -> float:
    """Until the window is over, where nothing is left of it."""
    try:
        remaining = float(answer.headers.get("x-ratelimit-remaining", "100"))
        reset = float(answer.headers.get("x-ratelimit-reset", "600"))
    except ValueError:
        return WAIT_S
    return WAIT_S if remaining >= 1 else max(WAIT_S, reset)
