"""The sentiment-service's routes."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, FastAPI, Path, Query, Request, Response

from stock_analysis.domain.errors import InvalidInputError, UnavailableError, UnknownInstrumentError
from stock_analysis.domain.instruments import parse_symbol
from stock_analysis.kit.answers import Answers, fingerprint
from stock_analysis.kit.cache import InMemoryCache
from stock_analysis.kit.health import Health
from stock_analysis.kit.http import create_app
from stock_analysis.kit.settings import Settings
from stock_analysis.sentiment import schemas
from stock_analysis.sentiment.ports import Followed
from stock_analysis.sentiment.repository import PostgresPostStore
from stock_analysis.sentiment.service import OVERVIEW_DAYS, Span, overview_of, posts_of, sentiment_of
from stock_analysis.sentiment.standing import list_sources

ERROR_STATUS = {InvalidInputError: 400, UnknownInstrumentError: 404, UnavailableError: 503}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_EPOCH = re.compile(r"-?\d{1,11}")
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)

Symbol = Annotated[
    str,
    Path(
        description="Symbol, in any case.",
        max_length=32,
        examples=["AAPL"],
        json_schema_extra={"pattern": r"^(?=.{1,32}$)\^?[A-Za-z0-9][A-Za-z0-9.^=_-]*$"},
    ),
]
Interval = Annotated[Literal["1d", "1h"], Query(description="Span of one bucket; days are those of UTC.")]
At = Annotated[
    str | None,
    Query(
        description="ISO date, ISO date and time (without a zone: UTC), or epoch seconds.",
        max_length=40,
        examples=["2023-09-01"],
        json_schema_extra={
            "anyOf": [
                {"type": "string", "format": "date"},
                {"type": "string", "format": "date-time"},
                {"type": "string", "pattern": "^-?[0-9]{1,11}$"},
            ]
        },
    ),
]


def create_sentiment_app(settings: Settings, health: Health, store: PostgresPostStore) -> FastAPI:
    """The sentiment-service."""
    router = sentiment_router(store, settings)
    return create_app("sentiment", settings, health, [router], ERROR_STATUS)


def sentiment_router(store: PostgresPostStore, settings: Settings) -> APIRouter:
    """The routes of the public API that this service answers. No answer is kept: what is deleted is gone."""
    router = APIRouter(prefix="/api/v1", tags=["sentiment"])
    answers = Answers(InMemoryCache(0))

    async def about(
        request: Request, symbol: str, asked: tuple[object, ...], make: Callable[..., Awaitable[Any]]
    ) -> Response:
        name = parse_symbol(symbol)
        followed = await store.followed(name)

        async def read() -> tuple[str, dict[str, Any]]:
            now = await store.followed(name)  # before its posts: an answer is never older than its version
            return _key(now, asked), await make(now)

        return await answers.answer(request, _key(followed, asked), read)

    @router.get(
        "/sentiment/{symbol}", summary="Sentiment of an instrument", response_model=schemas.SentimentAnswer
    )
    async def sentiment(
        request: Request,
        symbol: Symbol,
        interval: Interval = "1d",
        start: Annotated[At, Query(alias="from")] = None,
        end: Annotated[At, Query(alias="to")] = None,
        limit: Annotated[
            int, Query(ge=1, le=10_000, description="Most buckets; the newest are given.")
        ] = 2000,
    ) -> Response:
        span = Span(interval, _moment(start, "from"), _after(end), limit)
        if span.start is not None and span.end is not None and span.start >= span.end:
            raise InvalidInputError(f"from={start} lies after to={end}: there is nothing between them")
        asked = ("sentiment", interval, span.start, span.end, limit)
        return await about(request, symbol, asked, lambda now: sentiment_of(store, now, span))

    @router.get(
        "/sentiment/{symbol}/posts", summary="The posts of a bucket", response_model=schemas.SentimentPosts
    )
    async def posts(
        request: Request,
        symbol: Symbol,
        interval: Interval = "1d",
        start: Annotated[At, Query(description="A moment in the bucket; else the newest one.")] = None,
        limit: Annotated[int, Query(ge=1, le=200, description="Most posts; those that count most.")] = 50,
    ) -> Response:
        moment = _moment(start, "start")
        asked = ("posts", interval, moment, limit)
        return await about(request, symbol, asked, lambda now: posts_of(store, now, interval, moment, limit))

    @router.get("/sentiment", summary="Most discussed, and moved most", response_model=schemas.Overview)
    async def overview(request: Request) -> Response:
        async def read() -> tuple[str, dict[str, Any]]:
            version = await store.overview_version()
            return fingerprint("overview", *version), overview_of(*await store.overview(OVERVIEW_DAYS))

        version = await store.overview_version()
        return await answers.answer(request, fingerprint("overview", *version), read)

    @router.get(
        "/sentiment-sources",
        summary="How the sources of posts stand",
        response_model=schemas.SourceList,
        tags=["operations"],
    )
    async def sources() -> Response:
        return Response(orjson.dumps(await list_sources(store, settings)), media_type="application/json")

    return router


def _key(followed: Followed, asked: tuple[object, ...]) -> str:
    return fingerprint(followed.id, followed.symbol, followed.version, followed.changed_at, *asked)


def _moment(text: str | None, parameter: str) -> datetime | None:
    """Raises InvalidInputError if it is no time."""
    if text is None:
        return None
    try:
        if _EPOCH.fullmatch(text):
            return _EARLIEST + timedelta(seconds=min(max(int(text), 0), int(_LATEST.timestamp())))
        if _DATE.fullmatch(text):
            return _bounded(datetime.combine(date.fromisoformat(text), time(), UTC))
        moment = datetime.fromisoformat(text)
        return _bounded(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except OverflowError:
        return _LATEST
    except ValueError:
        raise InvalidInputError(
            f"{parameter}={text[:40]!r} is no time; write 2024-03-01, 2024-03-01T14:30 (UTC),"
            " 2024-03-01T14:30:00Z or epoch seconds"
        ) from None


def _bounded(moment: datetime) -> datetime:
    return min(max(moment, _EARLIEST), _LATEST).astimezone(UTC)


def _after(text: str | None) -> datetime | None:
    """The first moment that `to` leaves out: of a date the next day, of a time the second behind it."""
    moment = _moment(text, "to")
    if moment is None or text is None:
        return None
    return min(moment + (timedelta(days=1) if _DATE.fullmatch(text) else timedelta(seconds=1)), _LATEST)
