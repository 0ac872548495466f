import asyncio
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.testing import capture_logs

from stock_analysis.kit import metrics
from stock_analysis.kit.http import OBSERVED, Bounds, Observed
from stock_analysis.kit.request_id import current_request_id
from stock_analysis.kit.settings import Settings
from tests.unit.gateway.calls import call, echo_app, request

SETTINGS = Settings.model_validate({"max_request_bytes": 1024, "request_timeout_s": 0.05})


async def reading_app(scope: Scope, receive: Receive, send: Send) -> None:
    del scope
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message["body"])
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


def slow_app(*, after_start: bool) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        if after_start:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
        await asyncio.sleep(10)

    return app


def failing_app(error: Exception, *, after_start: bool = False) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        if after_start:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    return app


async def test_a_body_up_to_the_bound_passes() -> None:
    answer = await call(Bounds(reading_app, SETTINGS), request("/", method="POST"), [b"x" * 512, b"x" * 512])
    assert answer.body == b"1024"


async def test_a_body_above_the_bound_is_refused_when_it_says_its_length() -> None:
    headers = {"content-length": "1025"}
    answer = await call(Bounds(reading_app, SETTINGS), request("/", method="POST", headers=headers))
    assert answer.status == 413
    assert answer.header("connection") == "close"


async def test_a_body_above_the_bound_is_refused_when_it_does_not() -> None:
    answer = await call(Bounds(reading_app, SETTINGS), request("/", method="POST"), [b"x" * 1000, b"x" * 25])
    assert answer.status == 413
    assert "1024 bytes" in answer.json["detail"]


async def test_a_request_that_takes_too_long_is_ended_with_advice() -> None:
    answer = await call(Bounds(slow_app(after_start=False), SETTINGS), request("/"))
    assert answer.status == 504
    assert "ask for less" in answer.json["detail"]


async def test_an_answer_that_stalls_is_left_unfinished_for_the_server_to_cut() -> None:
    answer = await call(Bounds(slow_app(after_start=True), SETTINGS), request("/"))
    assert (answer.status, answer.body, answer.complete) == (200, b"half", False)


async def test_a_time_out_of_the_application_itself_is_not_taken_for_ours() -> None:
    with pytest.raises(TimeoutError):
        await call(Bounds(failing_app(TimeoutError()), SETTINGS), request("/"))


async def test_within_bounds_only_the_outer_ones_hold() -> None:
    outer = Settings.model_validate({"max_request_bytes": 4096})
    app = Bounds(Bounds(reading_app, SETTINGS), outer)
    answer = await call(app, request("/", method="POST"), [b"x" * 2048])
    assert (answer.status, answer.body) == (200, b"2048")


async def test_a_request_gets_an_id_that_its_code_its_log_and_its_answer_share() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(current_request_id.get())
        await echo_app()(scope, receive, send)

    answer = await call(Observed(app, "test"), request("/"))
    assert [answer.header("x-request-id")] == seen
    assert len(seen[0]) == 32
    assert current_request_id.get() == ""


@pytest.mark.parametrize("given", ["order-4711", "a" * 64, "A.b_c-1234"])
async def test_a_usable_id_of_the_caller_is_kept(given: str) -> None:
    answer = await call(Observed(echo_app(), "test"), request("/", headers={"x-request-id": given}))
    assert answer.header("x-request-id") == given


@pytest.mark.parametrize("given", ["short", "a" * 65, "with space", 'quote"s', "line\nbreak"])
async def test_an_id_that_could_harm_a_log_is_replaced(given: str) -> None:
    answer = await call(Observed(echo_app(), "test"), request("/", headers={"x-request-id": given}))
    assert answer.header("x-request-id") != given


async def test_one_line_is_logged_for_a_request_also_through_two_services() -> None:
    inner = Observed(echo_app(), "inner")

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        await inner({**scope, OBSERVED: True}, receive, send)

    with capture_logs() as lines:
        answer = await call(Observed(outer, "outer"), request("/x", query="i=rsi(14)&key=secret"))
    assert [line["event"] for line in lines] == ["request"]
    assert lines[0]["path"] == "/x"
    assert "secret" not in repr(lines)
    assert len(answer.all_headers("x-request-id")) == 1


async def test_a_service_in_another_counts_its_own_requests() -> None:
    def count(service: str) -> float:
        value: float = metrics.REQUESTS.labels(service, "GET", "unmatched", "200")._value.get()
        return value

    before = count("outer-x"), count("inner-x")
    await call(Observed(Observed(echo_app(), "inner-x"), "outer-x"), request("/"))
    assert (count("outer-x"), count("inner-x")) == (before[0] + 1, before[1] + 1)


async def test_probes_are_not_logged_as_requests() -> None:
    with capture_logs() as lines:
        await call(Observed(echo_app(), "test"), request("/readyz"))
    assert [line["log_level"] for line in lines] == ["debug"]


async def test_an_unforeseen_error_is_logged_whole_and_answered_without_its_text() -> None:
    with capture_logs() as lines:
        answer = await call(Observed(failing_app(RuntimeError("the password is x")), "test"), request("/"))
    assert answer.status == 500
    assert "password" not in answer.body.decode()
    assert [line["event"] for line in lines] == ["request failed", "request"]
    assert lines[1]["status"] == 500


async def test_an_error_after_the_answer_began_leaves_it_unfinished() -> None:
    answer = await call(Observed(failing_app(RuntimeError(), after_start=True), "test"), request("/"))
    assert (answer.status, answer.complete) == (200, False)


async def test_what_is_not_http_passes_untouched() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        seen.append(scope["type"])

    for layer in (Observed(app, "test"), Bounds(app, SETTINGS)):
        await layer({"type": "lifespan"}, None, None)  # type: ignore[arg-type]  # never called
    assert seen == ["lifespan", "lifespan"]
