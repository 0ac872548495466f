"""What the sentiment-service needs of the world, and the rows that it works with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from stock_analysis.sentiment.aggregation import Bucket, Label

DAY_S, HOUR_S = 86_400, 3_600
LENGTHS = (DAY_S, HOUR_S)


@dataclass(frozen=True, slots=True)
class Tracked:
    """An instrument that posts may speak of."""

    id: int
    symbol: str
    name: str
    exchange: str
    kind: str
    aliases: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Spoken:
    """That a post speaks of an instrument. begins, ends: where in the text, in characters."""

    instrument_id: int
    kind: str
    begins: int
    ends: int
    why: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What a model says of a text; all three 0: it knows nothing of this language."""

    language: str
    negative: float
    neutral: float
    positive: float
    score: float
    label: Label
    model: str


@dataclass(frozen=True, slots=True)
class NewPost:
    """A post to be stored. author: the source's id of the account, hashed before it is kept."""

    key: bytes
    source: str
    post_id: str
    url: str
    author: str
    text: str
    posted_at: datetime
    judged: Judged
    spoken: Sequence[Spoken]
    sample: bool = False


@dataclass(frozen=True, slots=True)
class StoredPost:
    """A post about an instrument as stored; what is forgotten by now is None."""

    key: bytes
    posted_at: datetime
    spoken: Spoken
    source: str
    url: str | None
    text: str | None
    author: bytes | None
    minhash: bytes | None
    voice: int | None
    copies: int | None
    judged: Judged
    sample: bool


@dataclass(frozen=True, slots=True)
class StoredBucket:
    """A bucket as stored. revision: how often it was made."""

    start: datetime
    bucket: Bucket
    model: str
    sample: bool
    final: bool
    revision: int = 0
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Followed:
    """An instrument with the version of what is known of its posts, and when that was made."""

    id: int
    symbol: str
    version: int
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OverviewRow:
    """A daily bucket in the list of all instruments."""

    symbol: str
    name: str
    start: datetime
    posts: int
    voices: int
    effective_n: float
    score: float
    low: float
    high: float
    sample: bool


@dataclass(frozen=True, slots=True)
class SourceState:
    """How a source stands. again_at: not before then. day, posts, requests, spent: used of a day's budget.

    last_seen_at: when it last answered, with or without posts. spent: dollars.
    """

    name: str
    cursor: str = ""
    state: str = "begins"
    reason: str = ""
    again_at: datetime | None = None
    last_post_at: datetime | None = None
    last_seen_at: datetime | None = None
    day: date = date.min
    posts: int = 0
    requests: int = 0
    spent: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing posts did: how many were new, changed, known already, and gone for good."""

    new: int = 0
    changed: int = 0
    known: int = 0
    gone: int = 0
    symbols: Sequence[str] = field(default_factory=tuple)


class Reader(Protocol):
    """Finds of which instruments a text speaks, and which way."""

    async def prepare(self) -> None:
        """Take in what has changed of the instruments."""

    async def read(
        self, texts: Sequence[str], times: Sequence[datetime]
    ) -> Sequence[tuple[Sequence[Spoken], Judged | None]]:
        """For each text what it speaks of, and where that is something, which way."""


class PostStore(Protocol):
    """Where posts and buckets are kept. Every method raises UnavailableError when it cannot be reached."""

    async def instruments(self) -> Sequence[Tracked]:
        """All that posts may speak of."""

    async def followed(self, symbol: str) -> Followed:
        """An instrument. Raises UnknownInstrumentError."""

    async def add(self, posts: Sequence[NewPost]) -> Stored:
        """Store posts and make their buckets anew, in one transaction with the events of both."""

    async def delete(self, keys: Sequence[bytes]) -> int:
        """Delete posts for good, in one transaction with buckets and events; returns how many there were."""

    async def forget_author(self, source: str, author: str, *, for_good: bool = True) -> int:
        """Delete an author's posts; returns how many there were. for_good: take none of theirs ever again."""

    async def buckets(
        self, instrument_id: int, length_s: int, start: datetime, end: datetime
    ) -> Sequence[StoredBucket]:
        """The buckets that begin from start until before end, oldest first."""

    async def posts(self, instrument_id: int, start: datetime, end: datetime) -> Sequence[StoredPost]:
        """The posts about an instrument from start until before end, oldest first."""

    async def sources(self) -> Mapping[str, SourceState]:
        """How each source stands that was ever read."""

    async def put_source(self, state: SourceState) -> None:
        """Note how a source stands."""
