"""The same platform as one process and as two, against real PostgreSQL and Valkey."""

import asyncio
import gzip
import http.client
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stock_analysis.domain.bars import Interval
from stock_analysis.gateway.endpoints import SENTIMENT_PATHS, STOCK_PATHS
from stock_analysis.kit.db import Role, connect
from stock_analysis.kit.settings import Settings
from stock_analysis.testing.builders import (
    environment,
    instrument,
    random_bars,
    sessions,
    store_bars,
    store_instrument,
)
from stock_analysis.testing.postgres import PostgresCluster
from stock_analysis.testing.processes import Server, free_port
from stock_analysis.testing.valkey import ValkeyServer

PROGRAM = Path(sys.executable).with_name("stock-analysis")
CHART = "/api/v1/stocks/TEST/chart?i=rsi(14)&i=macd(12,26,9)"
_OF_THE_MOMENT = {"date", "x-request-id", "ratelimit"}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def lasting_headers(self) -> dict[str, str]:
        return {name: value for name, value in self.headers.items() if name not in _OF_THE_MOMENT}


class Process:
    """`stock-analysis serve --target ...`."""

    def __init__(self, target: str, settings: Settings, folder: Path) -> None:
        ports = {"stock": settings.stock_port, "sentiment": settings.sentiment_port}
        self.url = f"http://127.0.0.1:{ports.get(target, settings.port)}"
        self._log = folder / f"{target}-{settings.port}.log"
        assignments = [f"{name}={value}" for name, value in environment(settings).items()]
        self._server = Server(["env", *assignments, PROGRAM, "serve", "--target", target], self._log)
        self._server.wait_until(lambda: _answers(self.url))

    def get(self, path: str, method: str = "GET", **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return _request(self.url + path, method, named)

    def lines(self, request_id: str = "") -> list[dict[str, Any]]:
        """What it logged, of one request or at all."""
        time.sleep(0.1)
        every = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [line for line in every if request_id in ("", line.get("http.request.id"))]

    def stop(self) -> None:
        self._server.stop()


def _request(url: str, method: str = "GET", headers: dict[str, str] | None = None) -> Reply:
    asked = urllib.request.Request(url, method=method, headers=headers or {})  # noqa: S310 - of this test
    try:
        answer = urllib.request.urlopen(asked, timeout=30)  # noqa: S310
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return Reply(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())


def _answers(url: str) -> bool:
    try:
        return _request(url + "/livez").status == 200
    except OSError:
        return False


async def _seed(settings: Settings) -> None:
    connection = await connect(settings, Role.OWNER)
    try:
        number = await store_instrument(connection, instrument())
        await store_bars(connection, number, Interval.D1, random_bars(sessions("2010-01-04", 3000)))
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def seeded(postgres: PostgresCluster, valkey: ValkeyServer) -> Iterator[Settings]:
    settings = postgres.create_database()
    asyncio.run(_seed(settings))
    yield valkey.add_to(settings)
    postgres.drop_database(settings)


def _with(settings: Settings, **changed: object) -> Settings:
    names = ("port", "stock_port", "sentiment_port")
    ports = {**{name: free_port() for name in names}, "drain_s": 0.0}
    return Settings.model_validate(settings.model_dump() | ports | changed)


@pytest.fixture(scope="module")
def in_one(seeded: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    process = Process("all", _with(seeded), tmp_path_factory.mktemp("all"))
    yield process
    process.stop()


@pytest.fixture(scope="module")
def apart(
    seeded: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Process, Process, Process]]:
    """The gateway, the stock-service and the sentiment-service."""
    folder = tmp_path_factory.mktemp("apart")
    settings = _with(seeded)
    urls = {
        f"{name}_url": f"http://127.0.0.1:{getattr(settings, f'{name}_port')}"
        for name in ("stock", "sentiment")
    }
    settings = settings.model_copy(update=urls)
    stock, sentiment = Process("stock", settings, folder), Process("sentiment", settings, folder)
    gateway = Process("gateway", settings, folder)
    yield gateway, stock, sentiment
    for process in (gateway, stock, sentiment):
        process.stop()


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/stocks?query=TE",
        "/api/v1/stocks/test",
        "/api/v1/stocks/TEST/bars?limit=100",
        "/api/v1/stocks/TEST/indicators?i=sma(20)",
        CHART,
        "/api/v1/indicators",
        "/api/v1/stocks/TEST/quarantine",
        "/api/v1/stocks/NONE/bars",
        "/api/v1/stocks/%5EX%2FY/bars",
        "/api/v1/stocks/TEST/bars?limit=0",
        "/api/v1/stocks/TEST/bars?from=nonsense",
        "/api/v1/sentiment",
        "/api/v1/sentiment/TEST",
        "/api/v1/sentiment/TEST/posts",
        "/api/v1/sentiment/NONE",
        "/api/v1/sentiment/TEST?from=nonsense",
        "/api/v1/nowhere",
        "/openapi.json",
        "/",
        "/docs",
        "/assets/missing.js",
    ],
)
def test_an_answer_is_the_same_in_one_process_and_in_two(
    in_one: Process, apart: tuple[Process, Process, Process], path: str
) -> None:
    same_id = {"x_request_id": "same-for-both", "accept_encoding": "gzip"}
    one, two = in_one.get(path, **same_id), apart[0].get(path, **same_id)
    assert (one.status, one.lasting_headers) == (two.status, two.lasting_headers)
    assert one.body == two.body


def test_a_repeated_chart_is_compressed_revalidated_and_never_changed_on_the_way(
    in_one: Process, apart: tuple[Process, Process, Process]
) -> None:
    for door in (in_one, apart[0]):
        first = door.get(CHART, accept_encoding="gzip")
        assert first.headers["content-encoding"] == "gzip"
        assert first.headers["cache-control"] == "private, no-cache"
        plain = door.get(CHART)
        assert gzip.decompress(first.body) == plain.body
        assert len(plain.json["t"]) == 3000
        unchanged = door.get(CHART, accept_encoding="gzip", if_none_match=first.headers["etag"])
        assert (unchanged.status, unchanged.body) == (304, b"")
        assert unchanged.headers["etag"] == first.headers["etag"]


def test_one_request_is_one_line_under_one_id_in_every_process(
    in_one: Process, apart: tuple[Process, Process, Process]
) -> None:
    in_one.get(CHART, x_request_id="of-one-process")
    apart[0].get(CHART, x_request_id="of-two-processes")
    assert [line["message"] for line in in_one.lines("of-one-process")] == ["request"]
    for process in apart[:2]:
        assert [line["message"] for line in process.lines("of-two-processes")] == ["request"]


def test_operations_composed_of_a_service_is_still_one_line(in_one: Process) -> None:
    in_one.get("/api/v1/operations", x_request_id="operations-one")
    assert [line["message"] for line in in_one.lines("operations-one")] == ["request"]


def test_every_line_is_ecs_and_none_has_a_query(
    in_one: Process, apart: tuple[Process, Process, Process]
) -> None:
    for process in (in_one, *apart):
        if process is not apart[1]:
            process.get(CHART + "&key=sa_secret")
        for line in process.lines():
            assert line["ecs.version"]
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["@timestamp"])
            assert {"message", "log.level", "log.logger", "service.name"} <= line.keys()
            assert "sa_secret" not in json.dumps(line)
            assert "macd" not in json.dumps(line)


def test_metrics_name_templates_in_every_process(
    in_one: Process, apart: tuple[Process, Process, Process]
) -> None:
    template = 'endpoint="/api/v1/stocks/{symbol}/chart"'
    for door, services in ((in_one, ("gateway", "stock")), (apart[0], ("gateway",)), (apart[1], ("stock",))):
        door.get(CHART)
        lines = door.get("/metrics").body.decode().splitlines()
        counted = [line for line in lines if line.startswith("http_requests_total{") and template in line]
        for service in services:
            assert any(f'service="{service}"' in line for line in counted)
        assert not any("TEST" in line for line in lines)
    upstream = apart[0].get("/metrics").body.decode()
    assert 'upstream_requests_total{outcome="answered",upstream="stock"}' in upstream


def test_operations_shows_every_part_and_the_stored_data(
    in_one: Process, apart: tuple[Process, Process, Process]
) -> None:
    for door, target in ((in_one, "all"), (apart[0], "gateway")):
        state = door.get("/api/v1/operations").json
        assert state["target"] == target
        parts = {"gateway", "stock", "sentiment", "postgresql", "schema", "valkey", "live"}
        relay = {"events", "delivery", "model", "posts"} if target == "all" else set()
        assert {part["name"] for part in state["parts"]} == parts | relay
        told = {part["name"]: part["version"] for part in state["parts"]}
        assert told["live"] == "0 clients; no source is heard"
        assert all(part["healthy"] and part["version"] for part in state["parts"]), state["parts"]
        assert state["database"]["bars"] == 3000
        assert state["database"]["instruments"] == 1
        assert state["last_import"] is None


def test_the_gateway_lets_through_every_public_path_of_the_services_contract(
    apart: tuple[Process, Process, Process],
) -> None:
    theirs = set(apart[1].get("/openapi.json").json["paths"])
    public = {path for path in theirs if path.startswith("/api/")} - {"/api/v1/data"}
    assert public == set(STOCK_PATHS)
    theirs = set(apart[2].get("/openapi.json").json["paths"])
    assert {path for path in theirs if path.startswith("/api/")} == set(SENTIMENT_PATHS)
    assert public | set(SENTIMENT_PATHS) <= set(apart[0].get("/openapi.json").json["paths"])


def test_a_stopped_service_is_a_readable_503_and_the_gateway_recovers(
    seeded: Settings, tmp_path: Path
) -> None:
    settings = _with(seeded, upstream_timeout_s=2.0)
    settings = settings.model_copy(update={"stock_url": f"http://127.0.0.1:{settings.stock_port}"})
    gateway = Process("gateway", settings, tmp_path)
    try:
        answer = gateway.get(CHART)
        assert answer.status == 503
        assert "stock-service cannot be reached" in answer.json["detail"]
        assert answer.headers["content-type"] == "application/problem+json"
        state = gateway.get("/api/v1/operations").json
        reasons = {part["name"]: part["reason"] for part in state["parts"] if not part["healthy"]}
        assert list(reasons) == ["stock"]
        assert state["database"] is None
        stock = Process("stock", settings, tmp_path)
        try:
            deadline = time.monotonic() + 15
            while gateway.get(CHART).status != 200:
                assert time.monotonic() < deadline
                time.sleep(0.2)
        finally:
            stock.stop()
    finally:
        gateway.stop()


def test_a_forwarded_address_counts_only_from_a_trusted_proxy(seeded: Settings, tmp_path: Path) -> None:
    def statuses(**changed: object) -> set[int]:
        process = Process("all", _with(seeded, rate_limit_per_minute=3, **changed), tmp_path)
        try:
            forged = [process.get("/api/v1/indicators", x_forwarded_for=f"198.51.100.{i}") for i in range(8)]
            return {reply.status for reply in forged}
        finally:
            process.stop()

    assert 429 in statuses()
    assert statuses(trusted_proxies=("127.0.0.1",)) == {200}


def test_an_address_that_others_reach_asks_for_a_key(seeded: Settings, tmp_path: Path) -> None:
    process = Process("all", _with(seeded, require_api_key="always"), tmp_path)
    try:
        assert process.get(CHART).status == 401
        assert process.get("/metrics").status == 401
        key = json.loads(_keys(seeded, "create", "test", "--scope", "read", "--json"))
        bearer = {"authorization": f"Bearer {key['key']}"}
        assert process.get(CHART, **bearer).status == 200
        assert process.get("/api/v1/operations", **bearer).status == 403
        _keys(seeded, "revoke", key["prefix"])
        revoked = time.monotonic()
        while process.get(CHART, **bearer).status == 200:
            time.sleep(0.2)
        assert time.monotonic() - revoked <= 5.0
        assert key["key"] not in process._log.read_text()
        assert key["key"].rsplit("_", 1)[1] not in process._log.read_text()
    finally:
        process.stop()


def _keys(settings: Settings, *words: str) -> str:

    known = os.environ | environment(settings)
    done = subprocess.run([PROGRAM, "keys", *words], env=known, capture_output=True, text=True, check=True)
    return done.stdout


def _upgrade(url: str, path: str, host: str = "127.0.0.1") -> http.client.HTTPResponse:
    asked = {"host": host, "connection": "Upgrade", "upgrade": "websocket", "x-request-id": "of-upgrade"}
    key = {"sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", path, headers=asked | key)
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()


def test_an_upgrade_to_websocket_is_ignored_and_passes_the_same_layers_as_any_request(
    in_one: Process, apart: tuple[Process, Process, Process]
) -> None:
    for door in (in_one, apart[0]):
        for path, status in ((CHART, 200), ("/api/v1/nowhere", 404), ("/api/ws", 404)):
            answer = _upgrade(door.url, path)
            assert (answer.status, answer.headers["x-request-id"]) == (status, "of-upgrade")
        assert _upgrade(door.url, CHART, host="evil.example").status == 421
        assert [line["message"] for line in door.lines("of-upgrade")] == ["request"] * 4
        assert not [line for line in door.lines() if "pgrade" in line["message"]]


@pytest.mark.parametrize(
    "path", [CHART, "/api/v1/stocks/NONE/bars", "/api/v1/operations", "/openapi.json", "/"]
)
def test_head_is_get_without_its_body_in_one_process_and_in_two(
    in_one: Process, apart: tuple[Process, Process, Process], path: str
) -> None:
    for door in (in_one, apart[0]):
        whole = door.get(path, x_request_id="of-head-and-get", accept_encoding="gzip")
        head = door.get(path, "HEAD", x_request_id="of-head-and-get", accept_encoding="gzip")
        assert (head.status, head.body) == (whole.status, b"")
        assert head.lasting_headers.keys() == whole.lasting_headers.keys()
        assert head.headers.get("etag") == whole.headers.get("etag")
        if path != "/api/v1/operations":
            assert head.headers["content-length"] == str(len(whole.body))
    head = in_one.get(CHART, "HEAD")
    unchanged = in_one.get(CHART, "HEAD", if_none_match=head.headers["etag"])
    assert (unchanged.status, unchanged.body) == (304, b"")
