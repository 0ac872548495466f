"""The stock-service over its HTTP contract, on a real PostgreSQL."""

import dataclasses
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import asyncpg
import httpx
import numpy as np
import pytest
import talib

from stock_analysis.domain.actions import ActionKind, CorporateAction
from stock_analysis.domain.bars import Interval
from stock_analysis.kit.cache import InMemoryCache
from stock_analysis.kit.health import Health
from stock_analysis.kit.settings import Settings
from stock_analysis.stock.endpoints import create_stock_app
from stock_analysis.stock.repository import PostgresBarStore
from stock_analysis.testing.builders import (
    epoch,
    instrument,
    minutes,
    random_bars,
    sessions,
    store_action,
    store_bars,
    store_instrument,
)

DAILY = random_bars(sessions("2020-01-01", 300))
SPLIT = CorporateAction(date(2020, 8, 31), ActionKind.SPLIT, 4.0, "test")


@pytest.fixture
async def api(pool: asyncpg.Pool, database: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_stock_app(database, Health({}, {}), PostgresBarStore(pool), InMemoryCache(2**24))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
async def test_stock(pool: asyncpg.Pool) -> int:
    found = await store_instrument(pool, instrument("TEST"))
    await store_bars(pool, found, Interval.D1, DAILY)
    return found


async def read(api: httpx.AsyncClient, path: str, **query: str | int) -> Any:
    answer = await api.get(f"/api/v1{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("currency", "unit"),
    [
        ("GBX", {"code": "GBX", "name": "pence sterling", "of": "GBP", "factor": 100}),
        ("KWF", {"code": "KWF", "name": "Kuwaiti fils", "of": "KWD", "factor": 1000}),
        ("GBP", None),
    ],
)
async def test_a_minor_unit_is_told_with_its_currency_and_factor(
    api: httpx.AsyncClient, pool: asyncpg.Pool, currency: str, unit: dict[str, object] | None
) -> None:
    found = await store_instrument(pool, instrument("PENCE", exchange="XLON", currency=currency))
    await store_bars(pool, found, Interval.D1, DAILY)
    (listed,) = (await read(api, "/stocks", query="PENCE"))["items"]
    for one in (listed, await read(api, "/stocks/PENCE")):
        assert (one["currency"], one["currency_unit"]) == (currency, unit)


@pytest.mark.usefixtures("test_stock")
async def test_raw_daily_bars_come_back_to_the_bit(api: httpx.AsyncClient) -> None:
    found = await read(api, "/stocks/TEST/bars", adjustment="raw")
    for key, column in zip("tohlcv", DAILY.columns(), strict=True):
        assert found[key] == column.tolist()


@pytest.mark.usefixtures("test_stock")
async def test_both_ends_of_the_window_are_included_and_the_newest_are_kept(api: httpx.AsyncClient) -> None:
    found = await read(api, "/stocks/TEST/bars", **{"from": "2020-02-03", "to": "2020-02-07"})
    assert found["t"] == [epoch(f"2020-02-0{day}") for day in range(3, 8)]
    newest = await read(api, "/stocks/TEST/bars", limit=2, **{"from": "2020-02-03", "to": "2020-02-07"})
    assert newest["t"] == found["t"][-2:]
    assert newest["has_earlier"] is True
    assert (await read(api, "/stocks/TEST/bars", to="1999-01-01"))["t"] == []


async def test_a_split_divides_earlier_prices_and_multiplies_their_volume(
    api: httpx.AsyncClient, pool: asyncpg.Pool, test_stock: int
) -> None:
    raw = await read(api, "/stocks/TEST/bars", adjustment="raw")
    await store_action(pool, test_stock, SPLIT)
    adjusted = await read(api, "/stocks/TEST/bars")
    before = np.array(raw["t"]) < epoch("2020-08-31")
    assert 0 < before.sum() < len(before)
    np.testing.assert_array_equal(adjusted["c"], np.where(before, np.array(raw["c"]) / 4, raw["c"]))
    np.testing.assert_array_equal(adjusted["v"], np.where(before, np.array(raw["v"]) * 4, raw["v"]))


async def test_a_cached_answer_and_an_etag_do_not_survive_a_new_action(
    api: httpx.AsyncClient, pool: asyncpg.Pool, test_stock: int
) -> None:
    first = await api.get("/api/v1/stocks/TEST/bars")
    again = await api.get("/api/v1/stocks/TEST/bars", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await store_action(pool, test_stock, SPLIT)
    changed = await api.get("/api/v1/stocks/TEST/bars", headers={"if-none-match": first.headers["etag"]})
    assert changed.status_code == 200
    assert changed.json()["c"] != first.json()["c"]


@pytest.mark.parametrize("place", ["/stocks/TEST/chart", "/stocks/TEST"])
async def test_an_answer_of_the_time_that_a_restore_took_back_is_not_given_again(
    api: httpx.AsyncClient, pool: asyncpg.Pool, test_stock: int, place: str
) -> None:
    """The version grows once more from where it was, up to the same number for other data."""
    before = await pool.fetchrow("SELECT version, updated_at FROM instrument WHERE id = $1", test_stock)
    await store_action(pool, test_stock, SPLIT)
    first = await api.get(f"/api/v1{place}")
    await pool.execute("DELETE FROM corporate_action WHERE instrument_id = $1", test_stock)
    restored = "UPDATE instrument SET version = $2, updated_at = $3 WHERE id = $1"
    await pool.execute(restored, test_stock, *before)
    await store_action(pool, test_stock, replace(SPLIT, value=10.0))
    for headers in ({}, {"if-none-match": first.headers["etag"]}):
        now = await api.get(f"/api/v1{place}", headers=headers)
        assert now.status_code == 200
        assert [one["value"] for one in now.json()["actions"]] == [10.0]


@pytest.mark.usefixtures("test_stock")
async def test_plain_and_compressed_answers_hold_the_same_with_etags_of_their_own(
    api: httpx.AsyncClient,
) -> None:
    zipped = await api.get("/api/v1/stocks/TEST/bars", headers={"accept-encoding": "gzip"})
    plain = await api.get("/api/v1/stocks/TEST/bars", headers={"accept-encoding": "identity"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert zipped.json() == plain.json()
    assert zipped.headers["etag"] != plain.headers["etag"]
    refused = await api.get("/api/v1/stocks/TEST/bars", headers={"accept-encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers


@pytest.mark.usefixtures("test_stock")
async def test_indicators_in_a_window_equal_talib_over_the_whole_history_to_the_bit(
    api: httpx.AsyncClient,
) -> None:
    found = await api.get(
        "/api/v1/stocks/TEST/chart",
        params={
            "adjustment": "raw",
            "from": "2020-06-01",
            "i": ["rsi(14)", "macd", "BBANDS(20,nbdevup=2.5)"],
        },
    )
    rows = DAILY.t >= epoch("2020-06-01")
    rsi, macd, bands = found.json()["indicators"]
    assert rsi["outputs"]["real"] == talib.RSI(DAILY.close, 14)[rows].tolist()
    assert macd["spec"] == "macd(12,26,9)"
    assert macd["outputs"]["macdhist"] == talib.MACD(DAILY.close)[2][rows].tolist()
    assert bands["outputs"]["upperband"] == talib.BBANDS(DAILY.close, 20, 2.5)[0][rows].tolist()


@pytest.mark.usefixtures("test_stock")
async def test_an_indicator_is_null_in_its_warm_up(api: httpx.AsyncClient) -> None:
    found = await api.get("/api/v1/stocks/TEST/indicators", params={"i": "rsi(14)"})
    values = found.json()["indicators"][0]["outputs"]["real"]
    assert values[:14] == [None] * 14
    assert None not in values[14:]


async def test_weeks_and_months_begin_with_the_first_scheduled_session(
    api: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    # Monday 2020-01-20 was a holiday in New York: the week's bar stands on Tuesday.
    found = await store_instrument(pool, instrument("WEEK"))
    await store_bars(pool, found, Interval.D1, random_bars(sessions("2020-01-13", 40)))
    weeks = await read(api, "/stocks/WEEK/bars", interval="1w")
    assert weeks["t"][:3] == [epoch("2020-01-13"), epoch("2020-01-21"), epoch("2020-01-27")]
    months = await read(api, "/stocks/WEEK/bars", interval="1mo")
    assert months["t"][:2] == [epoch("2020-01-02"), epoch("2020-02-03")]
    days = await read(api, "/stocks/WEEK/bars", to="2020-01-17")
    assert weeks["v"][0] == sum(days["v"])
    assert weeks["h"][0] == max(days["h"])
    assert (weeks["o"][0], weeks["c"][0]) == (days["o"][0], days["c"][-1])


async def test_hours_are_counted_from_the_open_and_days_are_the_exchanges(
    api: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    found = await store_instrument(pool, instrument("SEOUL", exchange="XKRX", currency="KRW"))
    t = minutes("2024-01-03T00:00", 390)  # 09:00 to 15:30 in Seoul
    await store_bars(pool, found, Interval.M1, random_bars(t))
    hours = await read(api, "/stocks/SEOUL/bars", interval="1h")
    assert hours["t"] == [int(t[0]) + 3600 * hour for hour in range(7)]
    days = await read(api, "/stocks/SEOUL/bars", interval="1d")
    assert days["t"] == [epoch("2024-01-03")]
    local = await read(api, "/stocks/SEOUL/bars", interval="1m", **{"from": "2024-01-03", "to": "2024-01-03"})
    assert local["t"] == t.tolist()


@pytest.mark.parametrize(
    ("exchange", "text", "first"),
    [
        ("XNYS", "2024-01-03T09:31", "2024-01-03T14:31"),
        ("XNYS", "2024-01-03T14:31Z", "2024-01-03T14:31"),
        ("XNYS", "2024-01-03T23:31+09:00", "2024-01-03T14:31"),
        ("XNYS", "2024-01-03", "2024-01-03T14:30"),
        ("XKRX", "2024-01-03T23:31", "2024-01-03T14:31"),
        ("XLON", "2024-01-03T14:31", "2024-01-03T14:31"),
    ],
)
async def test_a_time_without_a_zone_is_one_on_the_exchanges_clock(
    api: httpx.AsyncClient, pool: asyncpg.Pool, exchange: str, text: str, first: str
) -> None:
    found = await store_instrument(pool, instrument("CLOCK", exchange=exchange))
    await store_bars(pool, found, Interval.M1, random_bars(minutes("2024-01-03T14:30", 5)))
    hours = "extended" if exchange == "XKRX" else "regular"
    answer = await read(api, "/stocks/CLOCK/bars", interval="1m", hours=hours, **{"from": text})
    assert answer["t"][0] == epoch(first)


@pytest.mark.usefixtures("test_stock")
@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("2020-02-05", "2020-02-05"),
        ("2020-02-05T15:00", "2020-02-05"),
        ("2020-02-05T23:00Z", "2020-02-05"),
        ("2020-02-06T04:00Z", "2020-02-05"),
        ("2020-02-06T05:00Z", "2020-02-06"),
        ("1580860800", "2020-02-05"),
        ("1580860801", "2020-02-06"),
    ],
)
async def test_of_daily_bars_a_time_means_the_session_of_its_date_at_the_exchange(
    api: httpx.AsyncClient, text: str, first: str
) -> None:
    assert (await read(api, "/stocks/TEST/bars", **{"from": text}))["t"][0] == epoch(first)


async def test_search_ranks_the_symbol_before_its_prefix_before_names(
    api: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    for symbol in ("AB", "ABC", "XAB", "ZZZ"):
        await store_instrument(pool, instrument(symbol))
    first = (await api.get("/api/v1/stocks", params={"query": "ab", "limit": 2})).json()
    assert [item["symbol"] for item in first["items"]] == ["AB", "ABC"]
    second = (
        await api.get("/api/v1/stocks", params={"query": "ab", "limit": 2, "cursor": first["next_cursor"]})
    ).json()
    assert [item["symbol"] for item in second["items"]] == ["XAB"]
    assert second["next_cursor"] is None


@pytest.mark.parametrize("query", ["hospitality", "hospitalty"])
async def test_a_search_is_read_page_by_page_however_far_the_matches_are(
    api: httpx.AsyncClient, pool: asyncpg.Pool, query: str
) -> None:
    for symbol, name in {"APLE": "Apple Hospitality", "SVC": "Service Hospitality Trust"}.items():
        await store_instrument(pool, dataclasses.replace(instrument(symbol), name=name))
    found: list[str] = []
    asked: dict[str, str | int] = {"query": query, "limit": 1}
    while True:
        answer = await api.get("/api/v1/stocks", params=asked)
        assert answer.status_code == 200, answer.text
        found += [item["symbol"] for item in answer.json()["items"]]
        if answer.json()["next_cursor"] is None:
            break
        asked["cursor"] = answer.json()["next_cursor"]
    assert sorted(found) == ["APLE", "SVC"]


async def test_wildcards_in_a_search_are_letters(api: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
    await store_instrument(pool, instrument("AB"))
    for wildcard in ("%", "_", "\\"):
        assert (await api.get("/api/v1/stocks", params={"query": wildcard})).json()["items"] == []


@pytest.mark.usefixtures("test_stock")
@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/stocks/NONE/bars", 404, "no instrument has the symbol 'NONE'"),
        ("/stocks/TEST/bars?interval=2d", 400, "interval"),
        ("/stocks/TEST/bars?from=yesterday", 400, "from='yesterday' is no time"),
        ("/stocks/TEST/bars?limit=0", 400, "limit"),
        ("/stocks/TEST/bars?intervall=1w", 400, "do you mean interval"),
        ("/stocks/TEST/bars?adjustement=raw", 400, "do you mean adjustment"),
        ("/stocks/TEST/chart?From=2024-01-01", 400, "do you mean from"),
        ("/stocks/TEST/chart?indicator=rsi", 400, "'indicator' is no parameter of this path"),
        ("/stocks?limt=3", 400, "do you mean limit"),
        ("/stocks/TEST?interval=1d", 400, "it takes none"),
        ("/indicators?group=Momentum", 400, "is no parameter"),
        ("/stocks/TEST/bars?from=2024-01-02&to=2024-01-01", 400, "lies after to=2024-01-01"),
        ("/stocks/TEST/bars?from=2024-01-02T10:00&to=2024-01-01T23:00&interval=5m", 400, "America/New_York"),
        ("/stocks/TEST/bars?from=2024-01-01T10:00&to=2024-01-01T14:00Z&interval=5m", 400, "lies after"),
        ("/stocks/TEST/bars?from=1704067200&to=1704067199", 400, "lies after"),
        ("/stocks/TEST/bars?from=2024-01-02T00:00Z&to=2024-01-02T04:00Z&interval=1d", 200, ""),
        ("/stocks/TEST/bars?from=9999-12-31&to=9999-12-31", 200, ""),
        ("/stocks/TEST/bars?from=0001-01-01&to=0001-01-01", 200, ""),
        ("/stocks/TEST/indicators", 400, "i"),
        ("/stocks/TEST/indicators?i=rsi(0)", 400, "timeperiod=0 is not between 2 and"),
        ("/stocks/TEST/indicators?i=nonsense", 400, "GET /api/v1/indicators lists them"),
        ("/stocks/%20/bars", 400, "is not a symbol"),
        ("/stocks?cursor=nonsense", 400, "cursor"),
        ("/stocks?query=%00", 400, "NUL"),
        ("/nowhere", 404, "nothing at this path"),
    ],
)
async def test_bad_input_is_a_problem_that_says_what_is_wrong(
    api: httpx.AsyncClient, path: str, status: int, says: str
) -> None:
    answer = await api.get(f"/api/v1{path}", headers={"x-request-id": "my-own-request-id"})
    assert answer.status_code == status, answer.text
    if status == 200:
        return
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "my-own-request-id"


async def test_an_instrument_without_bars_answers_with_empty_columns(
    api: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    await store_instrument(pool, instrument("EMPTY"))
    for interval in Interval:
        found = await api.get("/api/v1/stocks/EMPTY/chart", params={"interval": interval, "i": "sma(5)"})
        assert found.json()["t"] == []
        assert found.json()["indicators"][0]["outputs"]["real"] == []
    detail = (await api.get("/api/v1/stocks/EMPTY")).json()
    assert detail["last_close"] is None
    assert detail["as_of"] is None
    assert detail["intervals"] == []


@pytest.mark.usefixtures("test_stock")
async def test_one_instrument_is_described_with_its_last_closes(api: httpx.AsyncClient) -> None:
    detail = (await api.get("/api/v1/stocks/test")).json()
    assert detail["last_close"] == DAILY.close[-1]
    assert detail["previous_close"] == DAILY.close[-2]
    assert detail["intervals"] == ["1d", "1w", "1mo"]
    assert detail["bars"] == {"1d": len(DAILY), "1m": 0}
    assert detail["as_of"] == datetime.fromtimestamp(DAILY.t[-1], UTC).date().isoformat()
    assert detail["as_of"] < detail["last_session"] <= datetime.now(UTC).date().isoformat()


async def test_the_catalogue_lists_every_function_with_ranges(api: httpx.AsyncClient) -> None:
    items = {item["name"]: item for item in (await api.get("/api/v1/indicators")).json()["items"]}
    assert items.keys() == {*talib.get_functions(), "VWAP_ALL"}
    period = items["RSI"]["parameters"][0]
    assert (period["name"], period["default"], period["min"]) == ("timeperiod", 14, 2)
    assert items["BBANDS"]["overlay"] is True
    assert items["CDLDOJI"]["outputs"][0]["style"] == "pattern"


async def test_weeks_before_the_calendar_begin_on_monday_and_are_not_thrown_together(
    api: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    found = await store_instrument(pool, instrument("OLD"))
    t = np.array([epoch(f"1985-07-{day:02}") for day in (1, 2, 3, 8, 9)], np.int64)
    await store_bars(pool, found, Interval.D1, random_bars(t))
    weeks = await read(api, "/stocks/OLD/bars", interval="1w")
    assert weeks["t"] == [epoch("1985-07-01"), epoch("1985-07-08")]
    months = await read(api, "/stocks/OLD/bars", interval="1mo")
    assert months["t"] == [epoch("1985-07-01")]


async def test_minutes_that_no_session_holds_keep_their_order(
    api: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    found = await store_instrument(pool, instrument("NIGHT"))
    await store_bars(
        pool, found, Interval.M1, random_bars(minutes("2024-01-02T20:30", 120))
    )  # past the close
    hours = await read(api, "/stocks/NIGHT/bars", interval="1h")
    assert hours["t"] == sorted(set(hours["t"]))
    assert sum(hours["v"]) == sum((await read(api, "/stocks/NIGHT/bars", interval="1m"))["v"])


@pytest.mark.usefixtures("test_stock")
async def test_a_wrong_question_is_refused_even_to_one_who_has_every_answer(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/v1/stocks/TEST/bars?from=garbage", headers={"if-none-match": "*"})
    assert answer.status_code == 400
