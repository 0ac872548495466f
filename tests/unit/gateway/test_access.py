import asyncio

import pytest
from starlette.types import ASGIApp, Scope

from stock_analysis.domain.errors import UnavailableError
from stock_analysis.gateway.access import Access, may_operate
from stock_analysis.gateway.keys import KeyRing, create_key
from stock_analysis.gateway.limits import InMemoryCounter, Limiter
from stock_analysis.gateway.ports import ApiKey, KeyScope
from stock_analysis.kit.inside import Inside
from tests.unit.gateway.calls import Answer, call, echo_app, request
from tests.unit.gateway.fakes import InMemoryKeyStore

BARS = "/api/v1/stocks/AAPL/bars"


class LostKeyStore(InMemoryKeyStore):
    async def find(self, prefix: str) -> ApiKey | None:
        raise UnavailableError("PostgreSQL", f"refused {prefix}")


class Bench:
    """Access with keys required, over one key of each scope."""

    def __init__(self, limit: int = 1000, store: InMemoryKeyStore | None = None) -> None:
        self.seen: list[Scope] = []
        self.store = store or InMemoryKeyStore()
        self.limiter = Limiter(InMemoryCounter(), limit, lambda: 0.0)
        self.app: ASGIApp = Access(echo_app(seen=self.seen), KeyRing(self.store), self.limiter)

    async def token(self, *scopes: KeyScope) -> str:
        token, key = create_key("test", frozenset(scopes), None)
        await self.store.add(key)
        return token

    async def get(self, path: str, client: str = "192.0.2.1", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await call(self.app, request(path, headers=named, client=client))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def open_access(limit: int = 1000) -> Access:
    return Access(echo_app(), None, Limiter(InMemoryCounter(), limit, lambda: 0.0))


async def test_without_a_key_the_answer_says_how_to_send_one(bench: Bench) -> None:
    answer = await bench.get(BARS)
    assert answer.status == 401
    assert answer.header("www-authenticate") == 'Bearer realm="stock-analysis"'
    assert "Authorization: Bearer" in answer.json["detail"]
    assert not bench.seen


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health", "/", "/assets/x.js", "/docs"])
async def test_pages_and_probes_need_no_key_and_are_not_counted(path: str) -> None:
    bench = Bench(limit=1)
    answers = [await bench.get(path) for _ in range(5)]
    assert {answer.status for answer in answers} == {200}
    assert answers[0].header("ratelimit") is None


async def test_a_key_is_taken_from_either_header_and_never_reaches_the_service(bench: Bench) -> None:
    token = await bench.token(KeyScope.READ)
    for headers in ({"authorization": f"Bearer {token}"}, {"x_api_key": token}):
        assert (await bench.get(BARS, **headers)).status == 200
    assert token not in repr(bench.seen)
    assert all(name != b"authorization" for scope in bench.seen for name, _ in scope["headers"])


async def test_an_unknown_key_is_refused_as_invalid(bench: Bench) -> None:
    answer = await bench.get(BARS, authorization="Bearer sa_aaaaaaaa_" + "a" * 32)
    assert answer.status == 401
    assert 'error="invalid_token"' in (answer.header("www-authenticate") or "")


async def test_a_scope_is_needed_for_each_kind_of_path(bench: Bench) -> None:
    read, operate = await bench.token(KeyScope.READ), await bench.token(KeyScope.OPERATE)
    expected = {
        (BARS, read): 200,
        (BARS, operate): 403,
        ("/api/v1/operations", read): 403,
        ("/api/v1/operations", operate): 200,
        ("/api/v1/operations/backups", read): 403,
        ("/api/v1/operations/backups", operate): 200,
        ("/metrics", read): 403,
        ("/metrics", operate): 200,
    }
    found = {
        (path, token): (await bench.get(path, authorization=f"Bearer {token}")).status
        for path, token in expected
    }
    assert found == expected


async def test_who_scrapes_metrics_is_not_limited() -> None:
    bench = Bench(limit=2)
    token = await bench.token(KeyScope.OPERATE)
    answers = [await bench.get("/metrics", authorization=f"Bearer {token}") for _ in range(5)]
    assert {answer.status for answer in answers} == {200}


async def test_metrics_are_open_where_no_key_is_required() -> None:
    assert (await call(open_access(), request("/metrics"))).status == 200


async def test_when_keys_cannot_be_checked_nobody_passes() -> None:
    answer = await Bench(store=LostKeyStore()).get(BARS, authorization="Bearer sa_aaaaaaaa_" + "a" * 32)
    assert answer.status == 503
    assert answer.header("retry-after") == "1"
    assert "PostgreSQL" in answer.json["detail"]


async def test_past_the_limit_the_answer_says_when_to_come_back() -> None:
    app = open_access(limit=2)
    answers = [await call(app, request(BARS)) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[0].header("ratelimit-policy") == '"default";q=2;w=60'
    assert answers[0].header("ratelimit") == '"default";r=1;t=60'
    assert answers[2].header("retry-after") == "60"
    assert answers[2].header("ratelimit") == '"default";r=0;t=60'
    assert answers[2].header("content-type") == "application/problem+json"


async def test_a_key_is_limited_wherever_it_comes_from_and_keys_apart() -> None:
    bench = Bench(limit=3)
    one, other = await bench.token(KeyScope.READ), await bench.token(KeyScope.READ)
    answers = [await bench.get(BARS, client=f"192.0.2.{i}", authorization=f"Bearer {one}") for i in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    assert (await bench.get(BARS, authorization=f"Bearer {other}")).status == 200


async def test_guessing_keys_is_limited_by_address_before_the_store_is_asked() -> None:
    bench = Bench(limit=3)
    guesses = [f"Bearer sa_aaaaaaaa_{'a' * 31}{letter}" for letter in "abcdef"]
    answers = [await bench.get(BARS, authorization=guess) for guess in guesses]
    assert [answer.status for answer in answers] == [401, 401, 401, 429, 429, 429]
    assert bench.store.reads == 3


async def test_a_forged_x_forwarded_for_does_not_change_the_client() -> None:
    app = open_access(limit=1)
    statuses = [
        (await call(app, request(BARS, headers={"x-forwarded-for": f"198.51.100.{i}"}))).status
        for i in range(3)
    ]
    assert statuses == [200, 429, 429]


async def test_many_at_once_are_limited_exactly() -> None:
    app = open_access(limit=240)
    answers = await asyncio.gather(*(call(app, request(BARS)) for _ in range(300)))
    assert sum(answer.status == 200 for answer in answers) == 240


async def test_the_contract_needs_no_key_and_is_counted() -> None:
    for limited in (Bench(limit=2).app, open_access(limit=2)):
        asked = [await call(limited, request("/openapi.json")) for _ in range(3)]
        assert [answer.status for answer in asked] == [200, 200, 429]


@pytest.mark.parametrize("path", ["/health", "/readyz"])
async def test_only_an_operator_is_told_the_parts_and_nobody_is_refused_health(path: str) -> None:
    bench = Bench(limit=2)
    tokens = ["", await bench.token(KeyScope.READ), await bench.token(KeyScope.OPERATE), "sa_forged"]
    for token in tokens:
        named = {"authorization": f"Bearer {token}"} if token else {}
        assert (await bench.get(path, client="192.0.2.9", **named)).status == 200
    assert [may_operate(scope) for scope in bench.seen] == [False, False, True, False]
    assert not any(name == b"authorization" for scope in bench.seen for name, _ in scope["headers"])


async def test_who_is_inside_is_told_the_parts_and_gets_in_nowhere_else(bench: Bench) -> None:
    app = Inside(bench.app, "the word")
    asked = [("/readyz", "the word"), ("/readyz", "another"), (BARS, "the word"), ("/metrics", "the word")]
    answers = [await call(app, request(path, headers={"stock-inside": word})) for path, word in asked]
    assert [answer.status for answer in answers] == [200, 200, 401, 401]
    assert [may_operate(scope) for scope in bench.seen] == [True, False]
    assert not any(name == b"stock-inside" for scope in bench.seen for name, _ in scope["headers"])


async def test_guessing_keys_at_the_health_does_not_load_the_database() -> None:
    bench = Bench(limit=3)
    for _ in range(20):
        made_up, _key = create_key("made up", frozenset({KeyScope.OPERATE}), None)
        assert (await bench.get("/health", authorization=f"Bearer {made_up}")).status == 200
    assert bench.store.reads <= 3


async def test_health_is_told_though_no_key_can_be_checked() -> None:
    bench = Bench(store=LostKeyStore())
    made_up, _key = create_key("made up", frozenset({KeyScope.OPERATE}), None)
    assert (await bench.get("/health", authorization=f"Bearer {made_up}")).status == 200
    assert not may_operate(bench.seen[0])
