import asyncio
from typing import Any

import pytest
from fastapi import Request
from starlette.types import Scope

from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.kit.answers import MOST_AT_ONCE, Answers, fingerprint
from stock_analysis.kit.cache import InMemoryCache
from stock_analysis.stock.hot import MAX_QUERY_BYTES, HotQuestions


def request(query: bytes = b"", headers: tuple[tuple[bytes, bytes], ...] = ()) -> Request:
    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": "/x",
        "query_string": query,
        "headers": headers,
        "route": None,
    }
    return Request(scope)


async def test_a_crowd_with_one_question_has_it_answered_once() -> None:
    answers, made = Answers(InMemoryCache(2**20)), 0

    async def make() -> tuple[str, dict[str, Any]]:
        nonlocal made
        made += 1
        await asyncio.sleep(0.01)
        return "key", {"a": 1}

    found = await asyncio.gather(*(answers.answer(request(), "key", make) for _ in range(50)))
    assert made == 1
    assert {one.body for one in found} == {b'{"a":1}'}


async def test_an_answer_is_made_to_the_end_when_the_one_who_asked_goes_away() -> None:
    answers, go = Answers(InMemoryCache(2**20)), asyncio.Event()

    async def make() -> tuple[str, dict[str, Any]]:
        await go.wait()
        return "key", {"a": 1}

    first = asyncio.create_task(answers.answer(request(), "key", make))
    second = asyncio.create_task(answers.answer(request(), "key", make))
    await asyncio.sleep(0)
    first.cancel()
    go.set()
    assert (await second).body == b'{"a":1}'


async def test_only_so_many_answers_are_made_at_the_same_time() -> None:
    answers, now, most = Answers(InMemoryCache(2**20)), 0, 0

    async def make() -> tuple[str, dict[str, Any]]:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return "key", {}

    await asyncio.gather(*(answers.answer(request(), str(number), make) for number in range(20)))
    assert most == MOST_AT_ONCE


async def test_a_question_that_failed_is_asked_anew() -> None:
    answers, tries = Answers(InMemoryCache(2**20)), 0

    async def make() -> tuple[str, dict[str, Any]]:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise InvalidInputError("once")
        return "key", {}

    with pytest.raises(InvalidInputError):
        await answers.answer(request(), "key", make)
    assert (await answers.answer(request(), "key", make)).status_code == 200


def test_the_fingerprint_tells_versions_and_questions_apart() -> None:
    names = {
        fingerprint(1, "a", "bc"),
        fingerprint(1, "ab", "c"),
        fingerprint(2, "a", "bc"),
        fingerprint(1, "a"),
    }
    assert len(names) == 4


def test_a_long_query_is_not_remembered() -> None:
    questions = HotQuestions()
    for query in (b"a=1", b"a=" + b"1" * MAX_QUERY_BYTES):
        questions.remember(request(query), "X", ())
    assert questions.recall(request(b"a=1").scope) is not None
    assert questions.recall(request(b"a=" + b"1" * MAX_QUERY_BYTES).scope) is None


async def test_a_value_that_would_push_out_all_others_is_not_kept() -> None:
    cache = InMemoryCache(100)
    await cache.put("small", b"1" * 20)
    await cache.put("large", b"1" * 90)
    assert await cache.get("small") is not None
    assert await cache.get("large") is None
