"""RSS 2.0 and Atom: items of feeds as posts, of a company's announcements or of news.

Feeds are asked with what they said last (ETag, Last-Modified). They tell no deletions: an item that goes has
grown old.
"""

import xml.etree.ElementTree as ET
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit
from xml.parsers import expat

import orjson

from stock_analysis.sentiment.posts import RawPost
from stock_analysis.sentiment.sources.asking import asked
from stock_analysis.sentiment.sources.port import About, Checked, Page, Room, SourceError, Why
from stock_analysis.sentiment.sources.web import Answer, Web

NAME = "rss"
WAIT_S = 300.0
MOST_ITEMS = 500
_ATOM = "{http://www.w3.org/2005/Atom}"


@dataclass(frozen=True, slots=True)
class Item:
    """An entry of a feed."""

    id: str
    title: str
    summary: str
    link: str
    published: datetime | None


class Feeds:
    """A Source of the feeds that the settings name."""

    about = About(
        NAME,
        "RSS feeds",
        ("sentiment_rss_feeds",),
        requests=20_000,
        note="Feeds that you name. Feeds tell no deletions; `sentiment forget` deletes.",
    )

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = urls

    async def read(self, web: Web, cursor: str, room: Room) -> AsyncGenerator[Page, None]:
        """A page a feed; one that fails does not keep the others, and is said at the end."""
        del room
        told: dict[str, dict[str, str]] = _read_cursor(cursor)
        failed: list[SourceError] = []
        for url in self._urls:
            try:
                answer = await asked(
                    web.get(url, headers=_conditions(told.get(url, {}))), f"the feed {_host(url)}"
                )
                items = [] if answer.status == 304 else items_of(answer.body, f"the feed {_host(url)}")
            except SourceError as error:
                failed.append(error)
                continue
            if answer.status == 200:
                told[url] = _validators(answer)
            posts = [_post(url, item) for item in items]
            yield Page(posts, cursor=orjson.dumps(told).decode(), wait_s=WAIT_S)
        if failed:
            raise failed[0]

    async def check(self, web: Web, ids: Sequence[str]) -> Checked:
        """Feeds have no such question."""
        del web, ids
        return Checked()


def items_of(body: bytes, title: str) -> list[Item]:
    """The items of a document. Raises SourceError for what is no feed."""
    try:
        _refuse_document_type(body, title)
        root = ET.fromstring(body)  # noqa: S314 - without a document type there are no entities to expand
    except (ET.ParseError, expat.ExpatError, ValueError, LookupError) as error:
        raise SourceError(Why.FAILING, f"{title} is no XML: {error}") from error
    found = list(_rss(root)) or list(_atom(root))
    if not found and root.tag not in ("rss", f"{_ATOM}feed"):
        raise SourceError(Why.FAILING, f"{title} is neither RSS nor Atom, but {root.tag[:60]!r}")
    return found[:MOST_ITEMS]


def _refuse_document_type(body: bytes, title: str) -> None:
    """By the parser itself, for a search of the bytes misses it in UTF-16. Raises SourceError, ExpatError."""

    def refuse(*_: object) -> None:
        raise SourceError(Why.FAILING, f"{title} has a document type of its own, which is not read")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(body, True)


def _rss(root: ET.Element) -> Iterator[Item]:
    for one in root.iter("item"):
        link = _text(one, "link")
        yield Item(
            _text(one, "guid") or link,
            _text(one, "title"),
            _text(one, "description"),
            link,
            _date(_text(one, "pubDate")),
        )


def _atom(root: ET.Element) -> Iterator[Item]:
    for one in root.iter(f"{_ATOM}entry"):
        links = {link.get("rel", "alternate"): link.get("href", "") for link in one.iter(f"{_ATOM}link")}
        when = _text(one, f"{_ATOM}published") or _text(one, f"{_ATOM}updated")
        link = links.get("alternate", "")
        yield Item(
            _text(one, f"{_ATOM}id") or link,
            _text(one, f"{_ATOM}title"),
            _text(one, f"{_ATOM}summary"),
            link,
            _date(when),
        )


def _text(element: ET.Element, name: str) -> str:
    found = element.find(name)
    return "" if found is None else "".join(found.itertext()).strip()


def _date(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(text)
        except (ValueError, TypeError, IndexError):
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def _post(url: str, item: Item) -> RawPost:
    return RawPost(
        *(NAME, item.id, _host(url), f"{item.title}<br>{item.summary}"),
        posted_at=item.published or datetime.now(UTC),
        url=item.link,
        is_html=True,
    )


def _host(url: str) -> str:
    return urlsplit(url).hostname or url[:60]


def _conditions(told: Mapping[str, str]) -> dict[str, str]:
    names = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
    return {names[name]: value for name, value in told.items() if name in names}


def _validators(answer: Answer) -> dict[str, str]:
    return {name: answer.headers[name][:300] for name in ("etag", "last-modified") if name in answer.headers}


def _read_cursor(cursor: str) -> dict[str, dict[str, str]]:
    try:
        found = orjson.loads(cursor)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
