"""A post on its way in: what a source told, cleaned and bounded, or the reason why it is not taken."""

import hashlib
import html
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

MOST_RAW_CHARACTERS = 200_000
MOST_CHARACTERS = 8_000
"""Of a longer text the beginning is kept: what it is about stands there."""
LONGEST_ID = 512
LONGEST_URL = 2_000
FUTURE = timedelta(minutes=10)
"""How far a source's clock may be ahead."""

_TAG = re.compile(r"<(/?[a-zA-Z][a-zA-Z0-9]{0,20}|!--|[!?])")
_HIDDEN = {"!--": "-->", "script": "</script", "style": "</style"}
_BREAKS = frozenset({"br", "/p", "/div", "/li", "/h1", "/h2", "/h3", "/tr"})
_LINK = re.compile(r"https?://[^\s\x00-\x20\"<>]+")


class Refusal(StrEnum):
    """Why a post is not taken."""

    EMPTY = "empty"
    """Nothing is left without markup and invisible characters."""
    FUTURE = "future"
    """Posted later than now."""
    LATE = "late"
    """Its day is final: authors are forgotten, so that it could not be counted rightly."""
    GONE = "gone"
    """Deleted, or of an author who is to be forgotten."""
    MALFORMED = "malformed"
    """Without an id or an author, or either is too long or holds control characters."""
    NO_STOCK = "no_stock"
    """It speaks of no stock that is stored."""


@dataclass(frozen=True, slots=True)
class RawPost:
    """What a source told. text: may hold HTML where is_html. author: the source's id of the account."""

    source: str
    post_id: str
    author: str
    text: str
    posted_at: datetime
    url: str = ""
    language: str = ""
    is_html: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> bytes:
        """What finds the post again: see key_of."""
        return key_of(self.source, self.post_id)


@dataclass(frozen=True, slots=True)
class Gone:
    """A deletion that a source told: of a post, or of an account with all its posts."""

    source: str
    post_id: str = ""
    author: str = ""


def key_of(source: str, post_id: str) -> bytes:
    """SHA-256 of the source and its id of the post."""
    return hashlib.sha256(f"{source}\0{post_id}".encode()).digest()


def cleaned(post: RawPost) -> str:
    """The text without markup, invisible and control characters, cut to MOST_CHARACTERS.

    Directions of writing (right to left) are kept by the letters themselves; what overrides them is dropped,
    because it lets a text look other than it is.
    """
    text = post.text[:MOST_RAW_CHARACTERS]
    if post.is_html:
        text = html.unescape(_without_markup(text))
    text = unicodedata.normalize("NFC", text)
    kept = "".join(one for one in text if _is_visible(one))
    lines = (" ".join(line.split()) for line in kept.splitlines())
    return "\n".join(line for line in lines if line)[:MOST_CHARACTERS].strip()


def _without_markup(text: str) -> str:
    """The text between the tags, in one pass over it; a tag that is not closed is text."""
    kept, place = [], 0
    while (tag := _TAG.search(text, place)) is not None:
        kept.append(text[place : tag.start()])
        name = tag[1].lower()
        end = text.find(_HIDDEN.get(name, ">"), tag.end())
        if end < 0:
            return "".join(kept) + ("" if name in _HIDDEN else text[tag.start() :])
        place = end + 3 if name == "!--" else text.find(">", end) + 1 or len(text)
        kept.append("\n" if name in _BREAKS else " ")
    return "".join(kept) + text[place:]


def _is_visible(character: str) -> bool:
    """Cf, among them zero-width and overriding ones; Cc, Cs, Co, Cn are no text; a joiner makes emoji."""
    return character in "\n\t" or character == "\u200d" or unicodedata.category(character)[0] != "C"


def refusal_of(post: RawPost, text: str, now: datetime, final_before: datetime) -> Refusal | None:
    """Why the post is not taken; None = it is. final_before: begin of the oldest day that is not final."""
    if not all(0 < len(one) <= LONGEST_ID and one.isprintable() for one in (post.post_id, post.author)):
        return Refusal.MALFORMED
    if not text.replace("\u200d", "").strip():
        return Refusal.EMPTY
    if post.posted_at > now + FUTURE:
        return Refusal.FUTURE
    if post.posted_at < final_before:
        return Refusal.LATE
    return None


def final_before(now: datetime, ttl_days: int) -> datetime:
    """Begin of the oldest day (UTC) that is not final yet: days are, ttl_days after their end."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=ttl_days)


def link_of(url: str) -> str:
    """The link if it is one that may be shown, else nothing."""
    return url if len(url) <= LONGEST_URL and _LINK.fullmatch(url) else ""
