from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import APIRouter, Response
from starlette.types import ASGIApp

from stock_analysis.gateway.backups import open_backup_part
from stock_analysis.gateway.endpoints import STOCK_PATHS, create_app
from stock_analysis.gateway.upstream import AsgiUpstream
from stock_analysis.kit import metrics
from stock_analysis.kit.db import Role, open_pool
from stock_analysis.kit.health import Health
from stock_analysis.kit.http import create_app as create_service
from stock_analysis.kit.settings import Settings
from stock_analysis.kit.valkey import open_valkey
from tests.unit.gateway.calls import call, request

BARS = "/api/v1/stocks/AAPL/bars"
FACTS = {
    "database": {"size_bytes": 1, "bars": 2, "instruments": 3, "quarantined": 4},
    "last_import": None,
    "cache": {"hits": 1, "misses": 3, "hit_rate": 0.25},
}


def stock_service(settings: Settings, *, broken: bool = False) -> ASGIApp:
    router = APIRouter(prefix="/api/v1")

    @router.get("/stocks/{symbol}/bars")
    async def bars(symbol: str) -> Response:
        return Response(symbol.encode(), headers={"etag": '"1"'})

    @router.get("/stocks")
    async def stocks() -> Response:
        raise RuntimeError("unforeseen")

    @router.get("/data")
    async def data() -> dict[str, Any]:
        if broken:
            raise RuntimeError("no database")
        return FACTS

    return create_service("stock", settings, Health({}, {}), [router], {})


async def open_gateway(
    stock: ASGIApp, settings: Settings, health: Health | None = None
) -> AsyncIterator[ASGIApp]:
    async with (
        await open_pool(settings, Role.GATEWAY, application_name="test") as pool,
        open_valkey(settings) as valkey,
        open_backup_part(settings) as backups,
    ):
        upstream = AsgiUpstream(stock)
        yield create_app(settings, upstream, health or Health({}, {}), pool, valkey, backups, target="all")


@pytest.fixture
def settings() -> Settings:
    return Settings.model_validate({"rate_limit_per_minute": 0, "cors_origins": ("https://chart.example",)})


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[ASGIApp]:
    async for app in open_gateway(stock_service(settings), settings):
        yield app


async def test_a_path_of_the_stock_service_is_answered_by_it(gateway: ASGIApp) -> None:
    answer = await call(gateway, request(BARS))
    assert (answer.status, answer.body, answer.header("etag")) == (200, b"AAPL", '"1"')


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/",
        "/api/v1/data",
        "/api/v1/stocks/",
        "/api/v1/stocks/A/b/c",
        "/api/v1/stocks/A/other",
        "/api/v2/x",
    ],
)
async def test_any_other_path_under_api_is_a_problem_and_never_a_page(gateway: ASGIApp, path: str) -> None:
    answer = await call(gateway, request(path))
    assert answer.status == 404
    assert answer.header("content-type") == "application/problem+json"
    assert answer.json["request_id"] == answer.header("x-request-id")
    assert answer.json["instance"] == path


@pytest.mark.parametrize(
    "path", [BARS, "/api/v1/operations", "/api/v1/operations/backups", "/livez", "/openapi.json", "/"]
)
async def test_a_wrong_method_is_a_problem_that_lists_the_right_ones(gateway: ASGIApp, path: str) -> None:
    answer = await call(gateway, request(path, method="PUT"))
    assert answer.status == 405
    assert answer.header("content-type") == "application/problem+json"
    assert "GET" in (answer.header("allow") or "")


async def test_an_unforeseen_error_of_a_service_is_a_problem_under_the_request_id(gateway: ASGIApp) -> None:
    answer = await call(gateway, request("/api/v1/stocks", headers={"x-request-id": "order-4711"}))
    assert answer.status == 500
    assert answer.json["request_id"] == "order-4711" == answer.header("x-request-id")
    assert "unforeseen" not in answer.body.decode()


async def test_operations_shows_the_parts_and_the_figures_of_the_services(gateway: ASGIApp) -> None:
    answer = (await call(gateway, request("/api/v1/operations"))).json
    assert answer["target"] == "all"
    assert [part["name"] for part in answer["parts"]] == ["gateway"]
    assert {name: answer[name] for name in FACTS} == FACTS


async def test_operations_still_tells_what_it_can_when_a_part_is_down(settings: Settings) -> None:
    async def down() -> str:
        raise ConnectionError("connection refused")

    stock = stock_service(settings, broken=True)
    async for app in open_gateway(stock, settings, Health({"postgresql": down}, {})):
        answer = await call(app, request("/api/v1/operations"))
    assert answer.status == 200
    assert answer.json["database"] is None
    assert answer.json["parts"][1]["reason"] == "connection refused"


async def test_backups_that_are_not_managed_here_are_missing_and_the_answer_says_what_to_do(
    gateway: ASGIApp,
) -> None:
    answer = await call(gateway, request("/api/v1/operations/backups"))
    assert answer.status == 404
    assert answer.header("content-type") == "application/problem+json"
    assert "backup_url" in answer.json["detail"]
    assert (await call(gateway, request("/api/v1/operations"))).json["backups_managed"] is False


async def test_the_contract_holds_the_public_paths_of_all_services_and_the_gateways_own_answers(
    gateway: ASGIApp,
) -> None:
    document = (await call(gateway, request("/openapi.json"))).json
    assert {"/api/v1/stocks/{symbol}/bars", "/api/v1/operations", "/livez", "/metrics"} <= set(
        document["paths"]
    )
    assert "/api/v1/data" not in document["paths"]
    bars = document["paths"]["/api/v1/stocks/{symbol}/bars"]["get"]["responses"]
    assert {"200", "401", "403", "404", "405", "421", "429", "500", "503", "504"} <= set(bars)


async def test_the_label_of_metrics_is_the_template_in_the_gateway_and_in_the_service(
    gateway: ASGIApp,
) -> None:
    def count(service: str, endpoint: str) -> float:
        value: float = metrics.REQUESTS.labels(service, "GET", endpoint, "200")._value.get()
        return value

    template = "/api/v1/stocks/{symbol}/bars"
    before = count("gateway", template), count("stock", template), count("gateway", "/livez")
    for path in (BARS, "/api/v1/stocks/MSFT/bars", "/livez"):
        await call(gateway, request(path))
    after = count("gateway", template), count("stock", template), count("gateway", "/livez")
    assert [b - a for a, b in zip(before, after, strict=True)] == [2, 2, 1]


async def test_no_metric_has_a_path_that_a_client_made_up(gateway: ASGIApp) -> None:
    for path in ("/api/v1/stocks/A/made-up", "/api/made-up", "/made-up", "/assets/made-up"):
        await call(gateway, request(path))
    assert "made-up" not in (await call(gateway, request("/metrics"))).body.decode()


async def test_a_page_of_an_allowed_origin_may_ask_and_read_the_limits(gateway: ASGIApp) -> None:
    asked = {
        "origin": "https://chart.example",
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization",
    }
    preflight = await call(gateway, request(BARS, method="OPTIONS", headers=asked))
    assert preflight.status == 200
    answer = await call(gateway, request(BARS, headers={"origin": "https://chart.example"}))
    assert answer.header("access-control-allow-origin") == "https://chart.example"
    assert "RateLimit" in (answer.header("access-control-expose-headers") or "")


async def test_a_page_of_another_origin_may_not(gateway: ASGIApp) -> None:
    answer = await call(gateway, request(BARS, headers={"origin": "https://evil.example"}))
    assert answer.header("access-control-allow-origin") is None


async def test_a_preflight_needs_no_key_and_a_refusal_can_be_read_by_the_page() -> None:
    settings = Settings.model_validate(
        {"host": "192.0.2.1", "rate_limit_per_minute": 0, "cors_origins": ("https://chart.example",)}
    )
    origin = {"origin": "https://chart.example"}
    async for app in open_gateway(stock_service(settings), settings):
        asked = {**origin, "access-control-request-method": "GET"}
        preflight = await call(app, request(BARS, method="OPTIONS", headers=asked))
        refused = await call(app, request(BARS, headers=origin))
    assert preflight.status == 200
    assert refused.status == 401
    assert refused.header("access-control-allow-origin") == "https://chart.example"


async def test_every_public_path_has_one_template() -> None:
    assert len(set(STOCK_PATHS)) == len(STOCK_PATHS)


@pytest.mark.parametrize(
    "path", [BARS, "/api/v1/operations", "/livez", "/readyz", "/metrics", "/openapi.json"]
)
async def test_head_has_the_status_and_header_of_get_and_no_body(gateway: ASGIApp, path: str) -> None:
    given = {"x-request-id": "same-for-both"}
    whole = await call(gateway, request(path, headers=given))
    head = await call(gateway, request(path, method="HEAD", headers=given))
    assert (whole.status, head.status) == (200, 200)
    assert {name for name, _ in head.headers} == {name for name, _ in whole.headers}
    assert whole.body
    assert (head.body, head.complete) == (b"", True)


async def test_head_of_nothing_is_missing_too(gateway: ASGIApp) -> None:
    head = await call(gateway, request("/api/v1/nowhere", method="HEAD"))
    assert (head.status, head.body) == (404, b"")


async def test_a_refused_method_is_told_of_head(gateway: ASGIApp) -> None:
    for path in (BARS, "/livez"):
        assert (await call(gateway, request(path, method="PUT"))).header("allow") == "GET, HEAD"


async def test_head_is_counted_under_the_template_of_its_path(gateway: ASGIApp) -> None:
    def counts() -> list[float]:
        asked = [("gateway", "HEAD", "200"), ("stock", "HEAD", "200")]
        template = "/api/v1/stocks/{symbol}/bars"
        return [metrics.REQUESTS.labels(one, way, template, code)._value.get() for one, way, code in asked]

    before = counts()
    await call(gateway, request(BARS, method="HEAD"))
    assert [b - a for a, b in zip(before, counts(), strict=True)] == [1, 1]


async def test_the_contract_has_an_etag_and_is_not_sent_again_to_who_has_it(gateway: ASGIApp) -> None:
    first = await call(gateway, request("/openapi.json"))
    etag = first.header("etag") or ""
    again = await call(gateway, request("/openapi.json", headers={"if-none-match": etag}))
    assert first.header("content-type") == "application/json"
    assert (again.status, again.body, again.header("etag")) == (304, b"", etag)


async def down() -> str:
    raise ConnectionError("connection to 10.0.0.7 refused")


KEYS_REQUIRED = Settings.model_validate({"require_api_key": "always", "rate_limit_per_minute": 0})


@pytest.mark.parametrize("path", ["/health", "/readyz"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_where_keys_are_required_anyone_learns_readiness_alone(path: str, method: str) -> None:
    for health, expected in (
        (Health({"postgresql": down}, {}), (503, {"status": "unready", "ready": False})),
        (Health({}, {"valkey": down}), (200, {"status": "ready", "ready": True})),
    ):
        async for app in open_gateway(stock_service(KEYS_REQUIRED), KEYS_REQUIRED, health):
            answer = await call(app, request(path, method=method))
            forged = await call(app, request(path, method=method, headers={"authorization": "Bearer sa_x"}))
        for one in (answer, forged):
            assert one.status == expected[0]
            assert one.body == b"" if method == "HEAD" else one.json == expected[1]


@pytest.mark.parametrize("path", ["/health", "/readyz"])
async def test_without_required_keys_health_tells_every_part_and_reason(
    settings: Settings, path: str
) -> None:
    async for app in open_gateway(stock_service(settings), settings, Health({"postgresql": down}, {})):
        answer = await call(app, request(path))
    assert answer.status == 503
    assert answer.json["parts"][0]["reason"] == "connection to 10.0.0.7 refused"
    assert answer.json["version"]
