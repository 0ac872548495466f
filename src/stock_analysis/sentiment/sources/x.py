"""X: recent search of its API v2, each post at a price.

https://docs.x.com/x-api: a bearer token, x-rate-limit-reset (epoch seconds), $0.005 for each post read. Off
until a cap in dollars is set. Never run live by us.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from stock_analysis.sentiment.posts import RawPost
from stock_analysis.sentiment.sources.asking import Reset, asked, text_of, understood
from stock_analysis.sentiment.sources.port import NOTHING, About, Checked, Page, Room
from stock_analysis.sentiment.sources.web import Web, at_epoch

NAME = "x"
WAIT_S = 300.0
PRICE = Decimal("0.005")
FEWEST, MOST = 10, 100
"""Posts of a page that the search takes."""
_RESET: Reset = ("x-rate-limit-reset", at_epoch)
_FIELDS = {"tweet.fields": "created_at,lang,author_id"}


class X:
    """A Source of recent search. secret: the bearer token, at each use. What a page may cost is kept free."""

    about = About(
        NAME,
        "X",
        ("sentiment_x_token", "sentiment_x_query", "sentiment_x_dollars_a_day"),
        price=PRICE,
        check_posts=100,
        shows_text=False,
        note="Each post read costs $0.005, the check whether it is still there too. Texts are not shown.",
    )

    def __init__(self, url: str, query: str, secret: Callable[[], str]) -> None:
        self._url = url.rstrip("/")
        self._query = query
        self._secret = secret

    async def read(self, web: Web, cursor: str, room: Room) -> AsyncGenerator[Page, None]:
        """Posts newer than the cursor (the id of the newest before): one page, within the money left."""
        count = min(MOST, room.posts, int(room.dollars / PRICE))
        if count < FEWEST:
            return
        params = {"query": self._query, "max_results": str(count), **_FIELDS}
        if cursor.isdigit():
            params["since_id"] = cursor
        url = f"{self._url}/2/tweets/search/recent"
        answer = await asked(web.get(url, params=params, headers=self._headers()), "X", _RESET)
        found = understood("X", answer.json)
        posts = understood("X", lambda: [_post(one) for one in found.get("data", ())])
        newest = understood("X", lambda: str(found.get("meta", {}).get("newest_id") or cursor))
        yield Page(posts, cursor=newest, wait_s=WAIT_S, cost=PRICE * len(posts))

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


def _post(one: dict[str, Any]) -> RawPost:
    return RawPost(
        *(NAME, str(one["id"]), str(one["author_id"]), text_of(one, "text")),
        posted_at=datetime.fromisoformat(one["created_at"]).astimezone(UTC),
        url=f"https://x.com/i/web/status/{one['id']}",
        language=text_of(one, "lang")[:8],
    )
