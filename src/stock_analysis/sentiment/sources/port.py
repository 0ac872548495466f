"""The port of a source: what it gives, what it costs, and how it says no."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from stock_analysis.domain.errors import StockAnalysisError
from stock_analysis.sentiment.posts import Gone, RawPost
from stock_analysis.sentiment.sources.web import Web

NOTHING = Decimal(0)


class Why(StrEnum):
    """Why a source gives nothing now."""

    REFUSED = "refused"
    """The key is wrong, or revoked: a person must look."""
    LIMITED = "waiting"
    """Asked too often; it says when again."""
    FAILING = "failing"
    """Away, broken off, or nothing that can be understood."""


class SourceError(StockAnalysisError):
    """A source did not give what was asked of it. again_at: when it may be asked again, where it says so."""

    def __init__(self, why: Why, message: str, again_at: datetime | None = None) -> None:
        super().__init__(message)
        self.why = why
        self.again_at = again_at


@dataclass(frozen=True, slots=True)
class Page:
    """What a source told. cursor: where to go on once this is stored. wait_s: how long to leave it alone.

    requests, cost: what it took of the day's budget; cost in dollars. gap: between this and the page before
    the source has more than it still tells, deletions among them.
    """

    posts: Sequence[RawPost] = ()
    gone: Sequence[Gone] = ()
    cursor: str = ""
    wait_s: float = 60.0
    requests: int = 1
    cost: Decimal = NOTHING
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """What a source says of posts: which it still has, which are gone."""

    there: Sequence[str] = ()
    gone: Sequence[str] = ()
    cost: Decimal = NOTHING


@dataclass(frozen=True, slots=True)
class About:
    """What a source is, and its limits by the day.

    price: dollars a post; 0 = none. posts, requests: most of a day. check_posts: how many of its posts can be
    asked for at once, 0 = it has no such question. tells_deletions: its stream does. shows_text: whether its
    terms let others show the text. needs: settings without which it cannot be on.
    """

    name: str
    title: str
    needs: Sequence[str] = ()
    price: Decimal = NOTHING
    posts: int | None = None
    requests: int | None = None
    check_posts: int = 0
    tells_deletions: bool = False
    shows_text: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class Room:
    """What the day's budget leaves."""

    posts: int
    dollars: Decimal = field(default=NOTHING)


class Source(Protocol):
    """A source of posts. What it raises is a SourceError."""

    @property
    def about(self) -> About:
        """What it is, and its limits."""

    def read(self, web: Web, cursor: str, room: Room) -> AsyncGenerator[Page, None]:
        """Pages from the cursor on. A polled source gives what there is now, and ends; a stream goes on.

        The same cursor gives the same posts again, as far as the source still has them.
        """

    async def check(self, web: Web, ids: Sequence[str]) -> Checked:
        """Whether posts are still there; at most about.check_posts of them."""
