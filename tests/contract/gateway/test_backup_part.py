"""What the gateway makes of the backup part's answers, and of none."""

import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
import pytest
from starlette.types import ASGIApp

from stock_analysis.gateway.backups import LONGEST_ANSWER_BYTES, open_backup_part
from stock_analysis.gateway.endpoints import create_app
from stock_analysis.gateway.schemas import Backups
from stock_analysis.gateway.upstream import AsgiUpstream
from stock_analysis.kit.db import Role, open_pool
from stock_analysis.kit.health import Health
from stock_analysis.kit.settings import Settings
from stock_analysis.kit.valkey import open_valkey
from tests.contract.gateway.backup_part import BackupPartStub, backup_report, nothing_yet
from tests.unit.gateway.calls import Answer, call, echo_app, request


@pytest.fixture
def part() -> Iterator[BackupPartStub]:
    stub = BackupPartStub()
    yield stub
    stub.stop()


@pytest.fixture
async def gateway(part: BackupPartStub) -> AsyncIterator[ASGIApp]:
    async for app in open_gateway(part.url):
        yield app


async def open_gateway(url: str) -> AsyncIterator[ASGIApp]:
    settings = Settings.model_validate(
        {"rate_limit_per_minute": 0, "backup_url": url, "backup_timeout_s": 0.5}
    )
    async with (
        await open_pool(settings, Role.GATEWAY, application_name="test") as pool,
        open_valkey(settings) as valkey,
        open_backup_part(settings) as backups,
    ):
        yield create_app(settings, AsgiUpstream(echo_app(status=503)), Health({}, {}), pool, valkey, backups)


async def ask(gateway: ASGIApp) -> Answer:
    return await call(gateway, request("/api/v1/operations/backups"))


@pytest.mark.parametrize("said", [backup_report(), nothing_yet()])
async def test_what_the_part_says_is_passed_on(
    gateway: ASGIApp, part: BackupPartStub, said: dict[str, Any]
) -> None:
    part.tell(said)
    answer = await ask(gateway)
    assert answer.status == 200
    assert Backups.model_validate_json(answer.body) == Backups.model_validate_json(orjson.dumps(said))


async def test_the_state_of_the_platform_tells_that_there_is_one_to_ask(gateway: ASGIApp) -> None:
    assert (await call(gateway, request("/api/v1/operations"))).json["backups_managed"] is True


async def test_what_a_later_part_says_besides_is_left_out(gateway: ASGIApp, part: BackupPartStub) -> None:
    part.tell(backup_report() | {"tomorrow": 1})
    answer = await ask(gateway)
    assert answer.status == 200
    assert "tomorrow" not in answer.json


async def test_a_part_that_is_away_is_503_with_the_way_to_find_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    async for app in open_gateway(url):
        answer = await ask(app)
    assert answer.status == 503
    assert answer.header("content-type") == "application/problem+json"
    assert "the backup part cannot be reached" in answer.json["detail"]
    assert "stockops logs backup" in answer.json["detail"]


async def test_an_address_that_is_none_is_told() -> None:
    async for app in open_gateway("nonsense"):
        answer = await ask(app)
    assert answer.status == 503
    assert "nonsense" in answer.json["detail"]


async def test_a_part_that_hangs_is_waited_for_no_longer_than_set(
    gateway: ASGIApp, part: BackupPartStub
) -> None:
    part.say(200, b"{}", pause_s=1.5)
    answer = await ask(gateway)
    assert answer.status == 503
    assert "no answer within 0.5 s" in answer.json["detail"]


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (500, b"broken", "it answers 500"),
        (302, b"", "it answers 302"),
        (200, b"<html>", "its answer cannot be used"),
        (200, b"\xff", "its answer cannot be used"),
        (200, orjson.dumps(backup_report(drills=[{"id": "x"}])), "drills.0.started_at"),
        (200, b" " * (LONGEST_ANSWER_BYTES + 1), "its answer is longer than"),
    ],
)
async def test_an_answer_that_makes_no_sense_is_503_with_the_reason(
    gateway: ASGIApp, part: BackupPartStub, status: int, body: bytes, reason: str
) -> None:
    part.say(status, body, Location="/elsewhere")
    answer = await ask(gateway)
    assert answer.status == 503
    assert reason in answer.json["detail"]


async def test_the_same_connection_serves_the_next_question(gateway: ASGIApp, part: BackupPartStub) -> None:
    part.say(200, b" " * (LONGEST_ANSWER_BYTES + 1))
    assert (await ask(gateway)).status == 503
    part.tell(backup_report())
    assert (await ask(gateway)).status == 200
