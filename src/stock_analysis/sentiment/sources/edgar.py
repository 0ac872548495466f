"""SEC EDGAR: current reports (8-K) of companies, by the feed of latest filings.

https://www.sec.gov/about/developer-resources: at most 10 requests a second, and a User-Agent with an address
to write to, or it answers 403. Never run live by us.
"""

import re
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime

from stock_analysis.sentiment.posts import RawPost
from stock_analysis.sentiment.sources.asking import asked
from stock_analysis.sentiment.sources.feeds import Item, items_of
from stock_analysis.sentiment.sources.port import About, Checked, Page, Room
from stock_analysis.sentiment.sources.web import Web

NAME = "edgar"
WAIT_S = 120.0
_TITLE = re.compile(r"(?P<form>8-K(?:/A)?) - (?P<company>.{1,200}?) \((?P<cik>\d{10})\) \(\w+\)")


class Edgar:
    """A Source of 8-K filings. contact: an address that the SEC may write to."""

    about = About(
        NAME,
        "SEC EDGAR 8-K",
        ("sentiment_edgar_contact",),
        requests=5_000,
        note="Public filings, no key; the SEC asks for an address. Filings are not deleted.",
    )

    def __init__(self, url: str, contact: str) -> None:
        self._url = url
        self._contact = contact

    async def read(self, web: Web, cursor: str, room: Room) -> AsyncGenerator[Page, None]:
        """The newest filings, those newer than the cursor (the time of the newest before)."""
        del room
        params = {"action": "getcurrent", "type": "8-K", "owner": "include", "count": "100", "output": "atom"}
        headers = {"User-Agent": f"stock-analysis {self._contact}"}
        answer = await asked(web.get(self._url, params=params, headers=headers), "EDGAR")
        items = [item for item in items_of(answer.body, "EDGAR") if _is_newer(item, cursor)]
        posts = [post for item in items if (post := _post(item)) is not None]
        newest = max((post.posted_at.isoformat() for post in posts), default=cursor)
        yield Page(posts, cursor=newest, wait_s=WAIT_S)

    async def check(self, web: Web, ids: Sequence[str]) -> Checked:
        """Filings stay."""
        del web, ids
        return Checked()


def _is_newer(item: Item, cursor: str) -> bool:
    """From the cursor's moment on: several filings have one second."""
    try:
        return item.published is None or item.published >= datetime.fromisoformat(cursor)
    except (ValueError, TypeError):
        return True


def _post(item: Item) -> RawPost | None:
    title = _TITLE.search(item.title)
    if title is None:
        return None
    return RawPost(
        *(NAME, item.id, title["cik"], f"{title['company'].title()} files {title['form']}<br>{item.summary}"),
        posted_at=(item.published or datetime.now(UTC)).astimezone(UTC),
        url=item.link,
        language="en",
        is_html=True,
    )
