"""Payloads of the events, by topic: what each tells, as JSON.

Within a topic a payload only grows: a new field has a default and raises MINOR of its `schema`. What breaks
readers raises MAJOR: a reader of before does not read it, it sets the event aside. Times are seconds since
1970-01-01T00:00Z; a daily bar's is 00:00 UTC of its session, as everywhere.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import msgspec

from stock_analysis.domain.bars import Interval
from stock_analysis.domain.errors import StockAnalysisError
from stock_analysis.domain.live import LiveBar, LiveStatus

LONGEST_LIST = 64
"""Most bars that travel in an event; of more, the range is told, and who wants them reads it."""

Symbol = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
Text = Annotated[str, msgspec.Meta(max_length=400)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class FutureSchemaError(StockAnalysisError):
    """The event's schema is newer than this program; update it, then `stock-analysis events dead replay`."""


class PayloadError(StockAnalysisError):
    """The event's payload is not what its topic says."""


BarsChange = Literal["closed", "corrected", "removed"]


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """What all payloads share. schema: MAJOR.MINOR."""

    schema: ClassVar[str] = "1.0"

    symbol: Symbol
    """The stock, as its instrument is called; the key of the event."""


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """Bars as columns of equal length, oldest first; raw prices."""

    t: Annotated[list[int], msgspec.Meta(max_length=LONGEST_LIST)]
    open: Annotated[list[float], msgspec.Meta(max_length=LONGEST_LIST)]
    high: Annotated[list[float], msgspec.Meta(max_length=LONGEST_LIST)]
    low: Annotated[list[float], msgspec.Meta(max_length=LONGEST_LIST)]
    close: Annotated[list[float], msgspec.Meta(max_length=LONGEST_LIST)]
    volume: Annotated[list[float], msgspec.Meta(max_length=LONGEST_LIST)]


class BarsChanged(Payload, frozen=True, kw_only=True):
    """Bars of an instrument that one transaction closed, corrected or removed."""

    interval: Interval
    """Length of the bars."""
    change: BarsChange
    """closed: bars that were not there. corrected: other values than before. removed: taken back."""
    first: int
    """Time of the oldest of them."""
    last: int
    """Time of the newest of them; between the two, bars may be unchanged."""
    count: Annotated[int, msgspec.Meta(ge=1)]
    """How many they are."""
    version: Count
    """Version of the instrument's data that has them."""
    bars: Columns | None = None
    """The bars, if they are few; of removed ones, as they were."""


class InstrumentChanged(Payload, frozen=True, kw_only=True):
    """An instrument, or what is known of it beside its bars, after a change."""

    change: Literal["listed", "changed", "data", "renamed", "deleted"]
    """data: corporate actions, terms of the prices, or rows kept aside. The rest is about the instrument."""
    version: Count
    """Version of the instrument's data that has the change; of a deleted one, the last."""
    name: Text = ""
    exchange: Annotated[str, msgspec.Meta(max_length=4)] = ""
    """ISO 10383."""
    currency: Annotated[str, msgspec.Meta(max_length=3)] = ""
    """ISO 4217, or a minor unit that prices are quoted in."""
    kind: Annotated[str, msgspec.Meta(max_length=16)] = ""
    former_symbol: Annotated[str, msgspec.Meta(max_length=32)] = ""
    """What a renamed one was called before."""


class PostSeen(Payload, frozen=True, kw_only=True):
    """A post about the stock that is new, or has another text or author's state than before."""

    source: Text
    """Where it was posted."""
    post_id: Text
    """Our key of it: SHA-256 of source and the source's id, in hexadecimal. It tells nothing of the post."""
    posted_at: int
    language: Annotated[str, msgspec.Meta(max_length=8)] = ""
    """ISO 639-1, if known."""


class PostDeleted(Payload, frozen=True, kw_only=True):
    """A post that is gone from its source: nobody may keep it."""

    source: Text
    post_id: Text
    """Our key of it, as in posts.v1."""
    deleted_at: int


class SentimentChanged(Payload, frozen=True, kw_only=True):
    """Sentiment about the stock in a bucket of time. 1.1: effective_n, low, high, revision, final."""

    schema: ClassVar[str] = "1.1"

    start: int
    """Start of the bucket."""
    length_s: Annotated[int, msgspec.Meta(gt=0)]
    """Length of the bucket in seconds."""
    count: Count
    """Posts in it."""
    score: Annotated[float, msgspec.Meta(ge=-1, le=1)]
    """Mean of the posts, -1 (bearish) to 1 (bullish)."""
    model: Text
    """Name and version of what scored them."""
    effective_n: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Posts, of which near-copies count as log2(1 + m) and an author at most twice."""
    low: Annotated[float, msgspec.Meta(ge=-1, le=1)] | None = None
    """Lower end of the interval that holds the true mean with a probability of 0.9."""
    high: Annotated[float, msgspec.Meta(ge=-1, le=1)] | None = None
    """Its upper end."""
    revision: Count = 0
    """How often the bucket was made; 0: not told. It begins anew after the last post has gone."""
    final: bool = False
    """Whether only deletions change it still."""


class AlertFired(Payload, frozen=True, kw_only=True):
    """An alert whose condition came true."""

    alert_id: Text
    condition: Text
    """In words."""
    value: float
    """What was seen."""
    fired_at: int


class LivePrice(Payload, frozen=True, kw_only=True):
    """A bar of a minute that is forming, or how the source of live prices stands: one of the two.

    It may be lost, and the next one says all again. Bars of a replay come here alone, the closed ones, too.
    """

    bar: LiveBar | None = None
    status: LiveStatus | None = None


PAYLOADS: Mapping[str, type[Payload]] = {
    "prices.bars.v1": BarsChanged,
    "prices.instruments.v1": InstrumentChanged,
    "posts.v1": PostSeen,
    "posts.deleted.v1": PostDeleted,
    "sentiment.v1": SentimentChanged,
    "alerts.v1": AlertFired,
    "prices.live.v1": LivePrice,
}
"""The payload of each topic."""

_ENCODER = msgspec.json.Encoder()
_DECODERS = {topic: msgspec.json.Decoder(payload) for topic, payload in PAYLOADS.items()}


def encode_payload(payload: Payload) -> bytes:
    """The payload as JSON."""
    return _ENCODER.encode(payload)


def decode_payload(topic: str, schema: str, data: bytes) -> Payload:
    """The payload of an event; fields that are not known are left out.

    Raises FutureSchemaError for a greater MAJOR than known, PayloadError for what is no such payload.
    """
    if topic not in PAYLOADS:
        raise FutureSchemaError(f"no topic {topic!r} is known to this version")
    known = PAYLOADS[topic].schema
    if major_of(schema) > major_of(known):
        raise FutureSchemaError(
            f"schema {schema} of {topic} is newer than {known}, which this version knows; update it, then "
            "`stock-analysis events dead replay`"
        )
    try:
        return _DECODERS[topic].decode(data)
    except msgspec.MsgspecError as error:
        raise PayloadError(f"no {PAYLOADS[topic].__name__}: {error}") from error


def major_of(schema: str) -> int:
    """MAJOR of MAJOR.MINOR. Raises PayloadError."""
    major, _, minor = schema.partition(".")
    if not (major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit()):
        raise PayloadError(f"schema {schema[:40]!r} is not MAJOR.MINOR")
    return int(major)
