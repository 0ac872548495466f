"""What clients ask for, checked."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from stock_analysis.domain.bars import Adjustment, Interval
from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.domain.instruments import parse_symbol
from stock_analysis.kernels.indicators import IndicatorError, Request, parse
from stock_analysis.kernels.live_indicators import has_stream

LARGEST_REQUEST_BYTES = 16 * 1024
MOST_INDICATORS = 20
MOST_BARS = 5000

RequestId = Annotated[str, Field(max_length=64)] | Annotated[int, Field(ge=0, le=2**53)]
FeedChoice = Literal["auto", "live", "replay"]


class Resume(BaseModel):
    """The last message of a channel that the client has."""

    model_config = ConfigDict(extra="forbid")

    channel: Annotated[str, Field(max_length=64)]
    n: Annotated[int, Field(ge=0, le=2**53)]


class Subscribe(BaseModel):
    """Bars of one symbol in one interval. feed: auto takes the market's prices before those of a replay."""

    model_config = ConfigDict(extra="forbid")

    op: Literal["subscribe"]
    id: RequestId
    symbol: Annotated[str, Field(max_length=32)]
    interval: Interval = Interval.D1
    adjustment: Adjustment = Adjustment.SPLIT
    indicators: Annotated[tuple[Annotated[str, Field(max_length=500)], ...], Field(max_length=20)] = ()
    limit: Annotated[int, Field(ge=1, le=MOST_BARS)] = 500
    feed: FeedChoice = "auto"
    resume: Resume | None = None

    def topic(self) -> "Topic":
        """What it is about. Raises InvalidInputError for a wrong symbol or indicator."""
        requests: list[Request] = []
        left_out: list[Request] = []
        for text in self.indicators:
            try:
                request = parse(text)
            except IndicatorError as error:
                raise InvalidInputError(str(error)) from error
            (requests if has_stream(request) else left_out).append(request)
        wanted = tuple({one.text: one for one in requests}.values())
        symbol = parse_symbol(self.symbol)
        return Topic(
            symbol=symbol,
            interval=self.interval,
            adjustment=self.adjustment,
            feed=self.feed,
            indicators=wanted,
            left_out=tuple(one.text for one in left_out),
        )


class Unsubscribe(BaseModel):
    """No more of what was subscribed to under this id."""

    model_config = ConfigDict(extra="forbid")

    op: Literal["unsubscribe"]
    id: RequestId


class Ping(BaseModel):
    """A question whether the connection works, for clients that cannot send pings of the protocol."""

    model_config = ConfigDict(extra="forbid")

    op: Literal["ping"]


Asked = Subscribe | Unsubscribe | Ping
_ASKED: TypeAdapter[Asked] = TypeAdapter(Annotated[Asked, Field(discriminator="op")])


class Topic(BaseModel):
    """What a channel is about. left_out: indicators that were asked for and are not carried live."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    symbol: str
    interval: Interval
    adjustment: Adjustment
    feed: FeedChoice
    indicators: tuple[Request, ...]
    left_out: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for topics that are told in the same messages."""
        specs = tuple(one.text for one in self.indicators)
        return self.symbol, self.interval, self.adjustment, self.feed, specs


def parse_asked(data: bytes) -> Asked:
    """A message of a client. Raises InvalidInputError saying what is wrong with it."""
    try:
        return _ASKED.validate_json(data)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)[:5]
        places = (".".join(str(part) for part in one["loc"][1:]) for one in found)
        text = "; ".join(
            f"{place}: {one['msg']}" if place else one["msg"]
            for place, one in zip(places, found, strict=True)
        )
        raise InvalidInputError(text) from error
