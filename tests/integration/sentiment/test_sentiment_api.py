"""The sentiment-service over its HTTP contract, on a real PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest

from stock_analysis.kit.health import Health
from stock_analysis.sentiment import schemas
from stock_analysis.sentiment.endpoints import create_sentiment_app
from stock_analysis.sentiment.sample import DAYS, load_sample
from stock_analysis.testing.posts import new_post, noon
from tests.integration.sentiment.conftest import Bench


@pytest.fixture
async def api(bench: Bench) -> AsyncIterator[httpx.AsyncClient]:
    app = create_sentiment_app(bench.settings, Health({}, {}), bench.store)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def read(api: httpx.AsyncClient, path: str, **query: str | int) -> Any:
    answer = await api.get(f"/api/v1{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_buckets_come_as_columns_with_their_interval(api: httpx.AsyncClient, bench: Bench) -> None:
    posts = [new_post(f"p{n}", instrument_id=bench.ids["AAPL"], posted_at=noon(n % 3 + 1)) for n in range(9)]
    await bench.store.add(posts)
    found = schemas.SentimentAnswer.model_validate(await read(api, "/sentiment/aapl"))
    assert found.posts == [3, 3, 3]
    assert found.t == sorted(found.t)
    assert all(
        low < score < high for low, score, high in zip(found.low, found.score, found.high, strict=True)
    )
    assert found.models == ["test-1"]
    assert not found.sample
    assert not found.has_earlier


async def test_an_instrument_without_posts_has_an_empty_answer(api: httpx.AsyncClient, bench: Bench) -> None:
    assert bench.ids
    found = schemas.SentimentAnswer.model_validate(await read(api, "/sentiment/MSFT"))
    assert (found.t, found.has_earlier) == ([], False)
    posts = schemas.SentimentPosts.model_validate(await read(api, "/sentiment/MSFT/posts"))
    assert (posts.start, posts.items) == (None, [])
    overview = schemas.Overview.model_validate(await read(api, "/sentiment"))
    assert (overview.as_of, overview.discussed) == (None, [])


async def test_the_newest_buckets_of_a_span_are_given(api: httpx.AsyncClient, bench: Bench) -> None:
    posts = [new_post(f"p{n}", instrument_id=bench.ids["AAPL"], posted_at=noon(n)) for n in (1, 2, 3, 5)]
    await bench.store.add(posts)
    found = await read(api, "/sentiment/AAPL", limit=2)
    assert (len(found["t"]), found["has_earlier"]) == (2, True)
    day = f"{noon(3):%Y-%m-%d}"
    found = await read(api, "/sentiment/AAPL", **{"from": day, "to": day})
    assert [datetime.fromtimestamp(t, UTC).date() for t in found["t"]] == [noon(3).date()]


async def test_an_answer_is_known_by_its_tag_until_something_changes(
    api: httpx.AsyncClient, bench: Bench
) -> None:
    number = bench.ids["AAPL"]
    await bench.store.add([new_post("p1", instrument_id=number)])
    for path in ("/sentiment/AAPL", "/sentiment/AAPL/posts", "/sentiment"):
        tag = (await api.get(f"/api/v1{path}")).headers["etag"]
        assert (await api.get(f"/api/v1{path}", headers={"if-none-match": tag})).status_code == 304
        await bench.store.add([new_post(f"more {path}", instrument_id=number)])
        assert (await api.get(f"/api/v1{path}", headers={"if-none-match": tag})).status_code == 200


async def test_a_deleted_post_is_in_no_answer_any_more(api: httpx.AsyncClient, bench: Bench) -> None:
    post = new_post("p1", instrument_id=bench.ids["AAPL"], text="$AAPL secretword")
    await bench.store.add([post])
    assert "secretword" in (await api.get("/api/v1/sentiment/AAPL/posts")).text
    await bench.store.delete([post.key])
    assert "secretword" not in (await api.get("/api/v1/sentiment/AAPL/posts")).text
    assert (await read(api, "/sentiment/AAPL"))["t"] == []


async def test_each_post_says_why_it_counts_as_it_does(api: httpx.AsyncClient, bench: Bench) -> None:
    number = bench.ids["AAPL"]
    same = [new_post(f"c{n}", instrument_id=number, text="$AAPL to the moon, join now") for n in range(7)]
    often = [new_post(f"a{n}", instrument_id=number, author="often") for n in range(4)]
    await bench.store.add([*same, *often, new_post("alone", instrument_id=number)])
    found = schemas.SentimentPosts.model_validate(await read(api, "/sentiment/AAPL/posts"))
    weights = {(one.copies, one.author_posts): one.weight for one in found.items}
    assert weights == {(1, 1): 1.0, (1, 4): 0.5, (7, 1): pytest.approx(3 / 7, abs=1e-4)}
    assert found.total == 12
    first = found.items[0]
    assert (first.mention, first.why, first.url) == ("$AAPL", "cashtag $AAPL", "https://posts.example/alone")


async def test_volume_far_above_the_days_before_is_attention(api: httpx.AsyncClient, bench: Bench) -> None:
    number = bench.ids["AAPL"]
    posts = [
        new_post(f"p{day}-{n}", instrument_id=number, posted_at=noon(day))
        for day in range(1, 12)
        for n in range(40 if day == 1 else 4)
    ]
    await bench.store.add(posts)
    told = (await read(api, "/sentiment/AAPL"))["attention"]
    assert told[:7] == [None] * 7
    assert told[7:] == [0.0, 0.0, 0.0, 18.0]  # 36 above a mean of 4, whose Poisson deviation is 2


async def test_the_lists_tell_what_is_discussed_and_what_moved(api: httpx.AsyncClient, bench: Bench) -> None:
    apple, microsoft = bench.ids["AAPL"], bench.ids["MSFT"]
    posts = [new_post(f"a{n}", instrument_id=apple, score=-0.8) for n in range(60)]
    posts += [new_post(f"b{n}", instrument_id=apple, posted_at=noon(3), score=0.8) for n in range(60)]
    posts += [new_post(f"m{n}", instrument_id=microsoft, score=0.1) for n in range(5)]
    await bench.store.add(posts)
    found = schemas.Overview.model_validate(await read(api, "/sentiment"))
    assert [one.symbol for one in found.discussed] == ["AAPL", "MSFT"]
    [moved] = found.movers
    assert (moved.symbol, moved.is_clear) == ("AAPL", True)
    assert moved.change is not None
    assert moved.change < -1


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/sentiment/NONE", 404, "no instrument has the symbol 'NONE'"),
        ("/sentiment/a%20b", 400, "is not a symbol"),
        ("/sentiment/AAPL?from=yesterday", 400, "from='yesterday' is no time; write 2024-03-01"),
        ("/sentiment/AAPL?from=2024-02-02&to=2024-01-01", 400, "there is nothing between them"),
        ("/sentiment/AAPL?interval=5m", 400, "interval"),
        ("/sentiment/AAPL?limit=0", 400, "limit"),
        ("/sentiment/AAPL/posts?limit=1000", 400, "limit"),
        ("/sentiment/AAPL?nonsense=1", 400, "nonsense"),
    ],
)
async def test_a_question_that_cannot_be_answered_says_why(
    api: httpx.AsyncClient, bench: Bench, path: str, status: int, said: str
) -> None:
    assert bench.ids
    answer = await api.get(f"/api/v1{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert said in answer.json()["detail"]


async def test_the_sample_is_marked_and_the_same_each_time(
    api: httpx.AsyncClient, bench: Bench, pool: asyncpg.Pool
) -> None:
    await pool.execute(
        "INSERT INTO instrument (symbol, name, exchange, currency, kind)"
        " VALUES ('005930', '삼성전자', 'XKRX', 'KRW', 'stock')"
    )
    assert await load_sample(bench.store) > 2 * DAYS
    assert await load_sample(bench.store) == 0
    assert await bench.events("posts.v1") + await bench.events("sentiment.v1") == []
    found = schemas.SentimentAnswer.model_validate(await read(api, "/sentiment/AAPL"))
    assert found.sample
    assert set(found.state) == {"final"}
    assert (len(found.t), max(one or 0 for one in found.attention) > 3) == (DAYS, True)
    posts = schemas.SentimentPosts.model_validate(await read(api, "/sentiment/005930/posts"))
    assert posts.sample
    assert all(one.language == "ko" and one.mention == "삼성전자" for one in posts.items)
    assert {one["symbol"] for one in (await read(api, "/sentiment"))["discussed"]} == {"AAPL", "005930"}
    before = found.model_dump()
    assert await bench.store.remove_sample() > 0
    assert (await read(api, "/sentiment/AAPL"))["t"] == []
    await load_sample(bench.store)
    after = schemas.SentimentAnswer.model_validate(await read(api, "/sentiment/AAPL")).model_dump()
    assert {**after, "revision": 0} == {**before, "revision": 0}
