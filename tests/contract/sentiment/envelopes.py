"""One source a case: how it is made, and what it answers with the same two posts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from stock_analysis.sentiment.sources.edgar import Edgar
from stock_analysis.sentiment.sources.feeds import Feeds
from stock_analysis.sentiment.sources.naver import Naver
from stock_analysis.sentiment.sources.port import Source
from stock_analysis.sentiment.sources.reddit import Reddit
from stock_analysis.sentiment.sources.x import X

FIRST, SECOND = (datetime(2026, 11, 28, 12, minute, tzinfo=UTC) for minute in (0, 30))


@dataclass(frozen=True)
class Case:
    """make: the source at an address. body: its answer with some of the posts 1 and 2, newest first.

    reset: a header that says "in 90 seconds" from an instant on. ids: what the posts are called there.
    """

    name: str
    make: Callable[[str], Source]
    body: Callable[[Sequence[int]], Any]
    reset: Callable[[datetime], dict[str, str]]
    ids: Sequence[str]
    cursor_parameter: str = ""


def when(number: int) -> datetime:
    return FIRST if number == 1 else SECOND


def rss(numbers: Sequence[int]) -> bytes:
    items = "".join(
        f"<item><title>Apple &amp;amp; post {n}</title><link>https://news.example/{n}</link>"
        f"<guid>guid-{n}</guid><description>&lt;p&gt;text {n}&lt;/p&gt;</description>"
        f"<pubDate>{format_datetime(when(n))}</pubDate></item>"
        for n in sorted(numbers, reverse=True)
    )
    return (
        f'<?xml version="1.0"?><rss version="2.0"><channel><title>x</title>{items}</channel></rss>'.encode()
    )


def edgar(numbers: Sequence[int]) -> bytes:
    entries = "".join(
        f"<entry><title>8-K - APPLE INC (0000320193) (Filer)</title>"
        f'<link rel="alternate" type="text/html" href="https://www.sec.gov/Archives/{n}.htm"/>'
        f'<summary type="html">&lt;b&gt;Filed:&lt;/b&gt; 2026-11-28 &lt;br&gt;Item 2.02: text {n}</summary>'
        f"<updated>{when(n).isoformat()}</updated>"
        f"<id>urn:tag:sec.gov,2008:accession-number=0000320193-26-{n}</id></entry>"
        for n in sorted(numbers, reverse=True)
    )
    return (
        f'<?xml version="1.0" encoding="ISO-8859-1" ?><feed xmlns="http://www.w3.org/2005/Atom">{entries}</feed>'
    ).encode()


def naver(numbers: Sequence[int]) -> dict[str, Any]:
    items = [
        {
            "title": f"<b>삼성전자</b> text {n}",
            "originallink": f"https://news.example/{n}",
            "link": f"https://n.news.naver.com/{n}",
            "description": "&quot;실적&quot;",
            "pubDate": format_datetime(when(n)),
        }
        for n in sorted(numbers, reverse=True)
    ]
    return {"lastBuildDate": "", "total": len(items), "start": 1, "display": 100, "items": items}


def reddit(numbers: Sequence[int], **changed: Any) -> dict[str, Any]:
    children = [
        {
            "kind": "t3",
            "data": {
                "name": f"t3_{n}",
                "author": f"user{n}",
                "author_fullname": f"t2_{n}",
                "title": "Apple",
                "selftext": f"text {n}",
                "created_utc": when(n).timestamp(),
                "permalink": f"/r/stocks/comments/{n}/apple/",
                "removed_by_category": None,
                **changed,
            },
        }
        for n in sorted(numbers, reverse=True)
    ]
    return {"kind": "Listing", "data": {"after": None, "before": None, "children": children}}


def x(numbers: Sequence[int]) -> dict[str, Any]:
    data = [
        {
            "id": f"10{n}",
            "author_id": f"7{n}",
            "text": f"$AAPL text {n}",
            "created_at": when(n).isoformat().replace("+00:00", ".000Z"),
            "lang": "en",
        }
        for n in sorted(numbers, reverse=True)
    ]
    meta = {"result_count": len(data)} | (
        {"newest_id": data[0]["id"], "oldest_id": data[-1]["id"]} if data else {}
    )
    return {"data": data, "meta": meta} if data else {"meta": meta}


def retry_after(_: datetime) -> dict[str, str]:
    return {"Retry-After": "90"}


CASES = (
    Case("rss", lambda url: Feeds([f"{url}/feed"]), rss, retry_after, ("guid-1", "guid-2")),
    Case(
        "edgar",
        lambda url: Edgar(f"{url}/cgi-bin/browse-edgar", "us@example.org"),
        edgar,
        retry_after,
        tuple(f"urn:tag:sec.gov,2008:accession-number=0000320193-26-{n}" for n in (1, 2)),
    ),
    Case(
        "naver",
        lambda url: Naver(f"{url}/v1/search/news.json", ["삼성전자"], lambda: ("id", "secret")),
        naver,
        retry_after,
        ("https://news.example/1", "https://news.example/2"),
    ),
    Case(
        "reddit",
        lambda url: Reddit(url, f"{url}/api/v1/access_token", ["stocks"], lambda: ("id", "secret")),
        reddit,
        lambda _: {"x-ratelimit-remaining": "0.0", "x-ratelimit-used": "100", "x-ratelimit-reset": "90"},
        ("t3_1", "t3_2"),
        "before",
    ),
    Case(
        "x",
        lambda url: X(url, "$AAPL", lambda: "token"),
        x,
        lambda now: {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(int(now.timestamp()) + 90)},
        ("101", "102"),
        "since_id",
    ),
)
