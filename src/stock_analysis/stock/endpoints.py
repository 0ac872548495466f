"""The HTTP contract of the stock-service."""

import asyncio
import base64
import binascii
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache as memoize
from typing import Annotated, Any

import numpy as np
import orjson
from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request, Response
from prometheus_client import REGISTRY
from starlette.middleware import Middleware

from stock_analysis.domain.actions import CorporateAction
from stock_analysis.domain.bars import Adjustment, Hours, Interval
from stock_analysis.domain.currencies import minor_unit
from stock_analysis.domain.errors import InvalidInputError, UnavailableError, UnknownInstrumentError
from stock_analysis.domain.instruments import parse_symbol
from stock_analysis.kernels.indicators import catalogue
from stock_analysis.kit.answers import Answers, fingerprint
from stock_analysis.kit.cache import Cache
from stock_analysis.kit.health import Health
from stock_analysis.kit.http import create_app
from stock_analysis.kit.settings import Settings
from stock_analysis.stock import schemas
from stock_analysis.stock.hot import HotPath, HotQuestions
from stock_analysis.stock.ports import BarStore, Snapshot, Summary
from stock_analysis.stock.series import PHASES, SOURCES, runs, series
from stock_analysis.stock.service import (
    Chart,
    available_intervals,
    describe,
    draw,
    last_closed_session,
    parse_indicators,
    session_date,
)
from stock_analysis.stock.window import Window

ERROR_STATUS = {InvalidInputError: 400, UnknownInstrumentError: 404, UnavailableError: 503}
_LAST_ID = 2**63 - 1
_LAST_RANK = 1010
"""Of the statement `search`."""
_BEFORE_ALL = (-1, "")

Symbol = Annotated[
    str,
    Path(
        description="Symbol, in any case.",
        max_length=32,
        examples=["AAPL"],
        json_schema_extra={"pattern": r"^(?=.{1,32}$)\^?[A-Za-z0-9][A-Za-z0-9.^=_-]*$"},
    ),
]
At = Annotated[
    str | None,
    Query(
        description=(
            "ISO date, ISO date and time, or epoch seconds. A time without a zone is one on the exchange's"
            " clock. For bars of a day and longer a time means the session of its date there. `from` after"
            " `to` is an error."
        ),
        max_length=40,
        examples=["2012-01-03"],
        json_schema_extra={
            "anyOf": [
                {"type": "string", "format": "date"},
                {"type": "string", "format": "date-time"},
                {"type": "string", "pattern": "^-?[0-9]{1,11}$"},
            ]
        },
    ),
]
IntervalQuery = Annotated[Interval, Query(description="Span of one bar.")]
AdjustmentQuery = Annotated[
    Adjustment, Query(description="Corporate actions to take out: none, splits, dividends, or both.")
]
HoursQuery = Annotated[
    Hours,
    Query(description="Minutes of the sessions only, or those traded before and after them as well."),
]
Limit = Annotated[int, Query(ge=1, le=50_000, description="Most bars; the newest of the range are given.")]
Specs = Annotated[
    list[str],
    Query(
        alias="i", description="Indicator, as rsi(14) or bbands(timeperiod=20); repeatable.", max_length=20
    ),
]
Cursor = Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before.")]
PageLimit = Annotated[int, Query(ge=1, le=200)]


@dataclass(frozen=True, slots=True)
class _Question:
    """Which bars a request is about."""

    interval: Interval
    adjustment: Adjustment
    hours: Hours
    start: str | None
    end: str | None
    limit: int

    @property
    def window(self) -> Window:
        return Window(self.start, self.end, self.limit)

    def key(self) -> tuple[object, ...]:
        return self.interval, self.adjustment, self.hours, self.start, self.end, self.limit


def _question(
    interval: IntervalQuery = Interval.D1,
    start: Annotated[At, Query(alias="from")] = None,
    end: Annotated[At, Query(alias="to")] = None,
    limit: Limit = 5000,
    adjustment: AdjustmentQuery = Adjustment.SPLIT,
    hours: HoursQuery = Hours.REGULAR,
) -> _Question:
    question = _Question(interval, adjustment, hours, start, end, limit)
    if hours is Hours.EXTENDED and not interval.is_intraday:
        raise InvalidInputError(
            "hours=extended is for intervals within a day; days are made of their sessions"
        )
    question.window.check()
    return question


WindowQuery = Annotated[_Question, Depends(_question)]


def create_stock_app(settings: Settings, health: Health, store: BarStore, cache: Cache) -> FastAPI:
    """The stock-service."""
    questions, answers = HotQuestions(), Answers(cache)
    hot_path = Middleware(HotPath, questions=questions, store=store, answers=answers)
    router = stock_router(store, answers, questions)
    return create_app("stock", settings, health, [router], ERROR_STATUS, inner=[hot_path])


def stock_router(store: BarStore, answers: Answers, questions: HotQuestions) -> APIRouter:
    """The routes of the public API that this service answers."""
    router = APIRouter(prefix="/api/v1", tags=["stocks"])

    async def draw_window(
        request: Request, symbol: str, part: str, question: _Question, specs: Sequence[str]
    ) -> Response:
        requests = parse_indicators(specs)
        name = parse_symbol(symbol)
        asked = (part, name, *question.key(), *(one.text for one in requests))
        listing = await store.listing(name)
        question.window.check_order(listing.timezone, sessions=not question.interval.is_intraday)
        questions.remember(request, name, asked)

        async def make() -> tuple[str, dict[str, Any]]:
            snapshot = await store.snapshot(name, question.interval)
            asked_for = (question.interval, question.adjustment, question.window, requests, question.hours)
            chart = await asyncio.to_thread(draw, snapshot, *asked_for)
            content = _CONTENT[part](snapshot, question, chart)
            return fingerprint(*snapshot.listing.state, *asked), content

        return await answers.answer(request, fingerprint(*listing.state, *asked), make)

    @router.get("/stocks", summary="Search instruments", response_model=schemas.StockPage)
    async def search(
        query: Annotated[
            str,
            Query(
                max_length=100,
                description="Part of a symbol or name, initials of a Korean name; typing errors are fine.",
            ),
        ] = "",
        exchange: Annotated[str | None, Query(pattern="^[A-Z0-9]{4}$")] = None,
        limit: PageLimit = 50,
        cursor: Cursor = None,
    ) -> Response:
        after = _decode_cursor(cursor) if cursor else _BEFORE_ALL
        found = await store.search(_searchable(query), exchange, after, limit + 1)
        page = found[:limit]
        more = _encode_cursor(page[-1]) if len(found) > limit else None
        return _json({"items": [_item(one) for one in page], "next_cursor": more})

    @router.get("/stocks/{symbol}", summary="One instrument", response_model=schemas.StockDetail)
    async def stock(request: Request, symbol: Symbol) -> Response:
        name = parse_symbol(symbol)
        listing = await store.listing(name)
        last_session = await asyncio.to_thread(last_closed_session, listing.calendar, time.time())

        async def make() -> tuple[str, dict[str, Any]]:
            snapshot = await store.snapshot(name, Interval.D1)
            rows = await store.search(name, None, _BEFORE_ALL, 1)
            content = await asyncio.to_thread(_detail, snapshot, rows[0], last_session)
            return fingerprint(*snapshot.listing.state, "stock", last_session), content

        asked = fingerprint(*listing.state, "stock", last_session)
        return await answers.answer(request, asked, make)

    @router.get("/stocks/{symbol}/bars", summary="Bars", response_model=schemas.BarsAnswer)
    async def bars(
        request: Request,
        symbol: Symbol,
        question: WindowQuery,
    ) -> Response:
        return await draw_window(request, symbol, "bars", question, ())

    @router.get("/stocks/{symbol}/indicators", summary="Indicators", response_model=schemas.IndicatorsAnswer)
    async def indicators(
        request: Request,
        symbol: Symbol,
        specs: Specs,
        question: WindowQuery,
    ) -> Response:
        return await draw_window(request, symbol, "indicators", question, specs)

    @router.get(
        "/stocks/{symbol}/chart", summary="Bars, indicators and actions", response_model=schemas.ChartAnswer
    )
    async def chart(
        request: Request,
        symbol: Symbol,
        question: WindowQuery,
        specs: Specs = [],  # noqa: B006 - FastAPI copies defaults, and reads them for the contract
    ) -> Response:
        return await draw_window(request, symbol, "chart", question, specs)

    @router.get(
        "/stocks/{symbol}/quarantine", summary="Rows kept aside", response_model=schemas.QuarantinePage
    )
    async def quarantine(symbol: Symbol, limit: PageLimit = 50, cursor: Cursor = None) -> Response:
        name = parse_symbol(symbol)
        await store.listing(name)
        total, rows = await store.quarantine(name, _decode_id(cursor) if cursor else _LAST_ID, limit + 1)
        more = str(rows[limit - 1].id) if len(rows) > limit else None
        return _json({"items": [asdict(row) for row in rows[:limit]], "next_cursor": more, "total": total})

    @router.get("/indicators", summary="The catalogue", response_model=schemas.IndicatorCatalogue)
    async def list_indicators(request: Request) -> Response:
        async def make() -> tuple[str, dict[str, Any]]:
            return fingerprint("catalogue"), _catalogue()

        return await answers.answer(request, fingerprint("catalogue"), make)

    @router.get("/data", summary="What is stored", response_model=schemas.DataFacts, tags=["operations"])
    async def data() -> Response:
        return _json({**await store.facts(), "cache": _cache_facts()})

    return router


def _head(snapshot: Snapshot, question: _Question) -> dict[str, Any]:
    return {
        "symbol": snapshot.listing.instrument.symbol,
        "interval": question.interval,
        "adjustment": question.adjustment,
        "hours": question.hours,
        "timezone": snapshot.listing.timezone,
    }


def _bars(snapshot: Snapshot, question: _Question, chart: Chart) -> dict[str, Any]:
    columns = dict(zip("tohlcv", map(np.ascontiguousarray, chart.series.bars.columns()), strict=True))
    return {
        **_head(snapshot, question),
        **columns,
        "has_earlier": chart.has_earlier,
        "sources": [{"source": name, "bars": n} for name, n in runs(chart.series.source, SOURCES)],
        "phases": [{"phase": name, "bars": n} for name, n in runs(chart.series.phase, PHASES)],
    }


def _indicators(snapshot: Snapshot, question: _Question, chart: Chart) -> dict[str, Any]:
    times = np.ascontiguousarray(chart.series.bars.t)
    return {**_head(snapshot, question), "t": times, "indicators": _indicator_columns(chart)}


def _chart(snapshot: Snapshot, question: _Question, chart: Chart) -> dict[str, Any]:
    return {
        **_bars(snapshot, question, chart),
        "indicators": _indicator_columns(chart),
        "actions": [_action(action) for action in snapshot.actions],
        "quarantined": snapshot.quarantined,
        "accepted": [asdict(one) for one in chart.accepted.bars],
        "accepted_complete": chart.accepted.complete,
    }


_CONTENT = {"bars": _bars, "indicators": _indicators, "chart": _chart}


def _indicator_columns(chart: Chart) -> list[dict[str, Any]]:
    return [
        {
            "spec": spec,
            "name": name,
            "note": chart.notes[spec],
            "outputs": {key: np.ascontiguousarray(column) for key, column in outputs.items()},
        }
        for spec, (name, outputs) in chart.indicators.items()
    ]


def _action(action: CorporateAction) -> dict[str, Any]:
    return {
        "ex_date": action.ex_date.isoformat(),
        "kind": action.kind,
        "value": action.value,
        "unit": action.unit,
        "price": action.price,
    }


def _item(summary: Summary) -> dict[str, Any]:
    return {
        **asdict(summary.instrument),
        "currency_unit": _unit(summary.instrument.currency),
        "timezone": summary.timezone,
        "first": summary.first,
        "last": summary.last,
        "bars": summary.bars,
        "quarantined": summary.quarantined,
    }


def _unit(currency: str) -> dict[str, Any] | None:
    unit = minor_unit(currency)
    if unit is None:
        return None
    return {"code": unit.code, "name": unit.name, "of": unit.major, "factor": unit.per_major}


def _detail(snapshot: Snapshot, summary: Summary, last_session: date | None) -> dict[str, Any]:
    bars = series(snapshot, Interval.D1, Adjustment.SPLIT).bars[-2:]
    closes = bars.close.tolist()
    return {
        **_item(summary),
        "actions": [_action(action) for action in snapshot.actions],
        "intervals": available_intervals(summary.bars),
        "extended_hours": snapshot.listing.extended is not None,
        "last_close": closes[-1] if closes else None,
        "previous_close": closes[0] if len(closes) == 2 else None,
        "as_of": session_date(int(bars.t[-1])) if closes else None,
        "last_session": last_session,
    }


@memoize
def _catalogue() -> dict[str, Any]:
    return {"items": [describe(item) for item in catalogue().values()]}


def _cache_facts() -> dict[str, Any]:
    found = {
        result: REGISTRY.get_sample_value("cache_lookups_total", {"result": result}) or 0.0
        for result in ("local", "valkey", "miss")
    }
    hits, misses = int(found["local"] + found["valkey"]), int(found["miss"])
    return {"hits": hits, "misses": misses, "hit_rate": hits / (hits + misses) if hits + misses else None}


def _searchable(query: str) -> str:
    if "\0" in query:
        raise InvalidInputError("query must not hold a NUL character")
    return query.strip()


def _encode_cursor(last: Summary) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([last.rank, last.instrument.symbol])).decode()


def _decode_cursor(text: str) -> tuple[int, str]:
    try:
        rank, symbol = orjson.loads(base64.urlsafe_b64decode(text.encode()))
        return _rank(rank), parse_symbol(symbol)
    except (binascii.Error, ValueError, TypeError, AttributeError, InvalidInputError) as error:
        raise InvalidInputError("cursor is not one that a page before this gave as next_cursor") from error


def _rank(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value <= _LAST_RANK:
        raise ValueError(value)
    return value


def _decode_id(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > _LAST_ID:
        raise InvalidInputError("cursor is not one that a page before this gave as next_cursor")
    return int(text)


def _json(content: Mapping[str, Any]) -> Response:
    return Response(orjson.dumps(content, default=str), media_type="application/json")
