"""Lines as a process really writes them: each test runs one."""

import json
import subprocess
import sys
from typing import Any

import pytest

PROGRAM = """
import logging, structlog
from stock_analysis.kit.logging import configure_logging
from stock_analysis.kit.request_id import current_request_id
configure_logging("stock-analysis-test", {format!r}, {level!r})
log = structlog.get_logger("a.module")
{code}
"""


def run(code: str, log_format: str = "json", level: str = "info") -> str:
    program = PROGRAM.format(format=log_format, level=level, code=code)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr


def lines(code: str, **options: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(code, **options).splitlines()]


def test_a_line_is_ecs_with_its_values_under_names_that_ecs_does_not_use_otherwise() -> None:
    (line,) = lines("""current_request_id.set("order-4711")
log.warning("upstream broke off", upstream="stock", error="reset", host="h", service="s", rows=3)""")
    assert line.pop("@timestamp").endswith("Z")
    assert line == {
        "ecs.version": "8.11",
        "service.name": "stock-analysis-test",
        "log.level": "warning",
        "log.logger": "a.module",
        "message": "upstream broke off",
        "http.request.id": "order-4711",
        "trace.id": "order-4711",
        "error.message": "reset",
        "stock_analysis.upstream": "stock",
        "stock_analysis.host": "h",
        "stock_analysis.service": "s",
        "stock_analysis.rows": 3,
    }


def test_a_request_is_logged_in_the_fields_of_ecs() -> None:
    (line,) = lines('log.info("request", method="GET", path="/x", status=200, duration_ms=1.5, client="::1")')
    assert line["http.request.method"] == "GET"
    assert line["url.path"] == "/x"
    assert line["http.response.status_code"] == 200
    assert line["event.duration"] == 1_500_000
    assert line["client.address"] == "::1"


def test_libraries_log_in_the_same_form() -> None:
    (line,) = lines('logging.getLogger("lib").warning("%d rows", 3)')
    assert (line["message"], line["log.logger"], line["log.level"]) == ("3 rows", "lib", "warning")


def test_an_exception_is_one_line_with_its_trace() -> None:
    (line,) = lines("""try: 1 / 0
except ZeroDivisionError: log.exception("request failed")""")
    assert "ZeroDivisionError" in line["error.stack_trace"]
    assert line["log.level"] == "error"


def test_libraries_that_log_addresses_with_their_queries_are_silenced() -> None:
    code = "for name in ('httpx', 'aiohttp.client', 'uvicorn.error'): logging.getLogger(name).info('/?key=x')"
    assert run(code, level="debug") == ""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_an_exception_never_shows_local_variables(log_format: str) -> None:
    code = """def f():
    password = "hunter" + "2"
    1 / 0
try: f()
except ZeroDivisionError: log.exception("request failed")"""
    written = run(code, log_format=log_format)
    assert "ZeroDivisionError" in written
    assert "hunter2" not in written


def test_what_is_below_the_level_is_not_written() -> None:
    assert run('log.info("a"); log.debug("b")', level="warning") == ""


def test_what_json_does_not_know_is_written_as_text() -> None:
    (line,) = lines('import pathlib, datetime; log.info("x", path_=pathlib.Path("/a"), n={1: {2}})')
    assert line["stock_analysis.path_"] == "/a"


def test_lines_that_nobody_reads_are_counted_and_stop_nothing() -> None:
    code = """import os, sys
from prometheus_client import REGISTRY
reader, writer = os.pipe()
kept = os.dup(2)
os.dup2(writer, 2)
os.close(writer)
log.info("read")
os.close(reader)
log.info("lost")
log.exception("lost too")
os.dup2(kept, 2)
log.info("read again", lost=REGISTRY.get_sample_value("log_lines_lost_total"))"""
    assert lines(code)[-1]["stock_analysis.lost"] == 2
