"""The whole stack from the images: started, asked through its one door, stopped under load, killed."""

import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import expect, sync_playwright

from stock_ops.kit.secret_folder import values
from stock_ops.kit.secret_names import files_of
from tests.containers.podman import LOCKED_DOWN, inspect, is_healthy, logs, run, wait_for
from tests.containers.stack import SERVERS, SERVICES, Stack
from tests.e2e.conftest import FLAGS, RESULTS
from tools.container_parts import ROOT
from tools.test_parts import find_browser

Report = Callable[[str, str], None]
AAPL = {"interval": "1d", "adjustment": "raw", "from": "2000-03-01", "to": "2000-03-10"}
ROLES = {
    "stock": "stock_reader",
    "sentiment": "stock_sentiment",
    "relay": "stock_relay",
    "live": "stock_writer",
}


def closes_until(last: date) -> list[float]:
    """AAPL's closes as the file has them, the oldest first."""
    rows = pq.read_table(ROOT / "sample_data/bars_1d_us_history.parquet").to_pylist()
    days = [row for row in rows if row["symbol"] == "AAPL" and row["session"] <= last]
    return [row["close"] for row in sorted(days, key=lambda row: row["session"])]


def known_closes() -> list[float]:
    """Those of the range that the tests ask for."""
    return closes_until(date(2000, 3, 10))


def newest_close() -> float:
    return closes_until(date.max)[-1]


def targets(stack: Stack) -> list[str]:
    options = ("--rm", "--network", "none", *LOCKED_DOWN)
    listed = run("podman", "run", *options, stack.platform.name, "serve", "--list-targets").stdout
    return [line.partition(":")[0] for line in listed.splitlines()]


@pytest.mark.parametrize("service", [*SERVERS, *SERVICES])
def test_each_container_has_no_rights_and_limits(stack: Stack, service: str) -> None:
    posture = stack.posture(service)
    assert posture["Uid"] != "0"
    assert {posture["CapEff"], posture["CapBnd"]} == {"0" * 16}
    assert posture["NoNewPrivs"] == "1"
    assert posture["Root"] == "ro"
    limits = stack.inspect(service)["HostConfig"]
    assert 0 < limits["Memory"] <= 2 * 2**30
    assert 0 < limits["PidsLimit"] <= 300
    assert limits["RestartPolicy"]["Name"] == "unless-stopped"


def test_the_platform_runs_as_a_user_that_no_image_knows(stack: Stack) -> None:
    for service in SERVICES:
        assert stack.posture(service)["Uid"] == str(stack.uid)
        assert stack.posture(service)["Gid"] == "0"


def test_the_check_of_the_root_file_system_sees_a_writable_one(stack: Stack) -> None:
    def kind(*options: str) -> str:
        command = "cut -d' ' -f2,4 /proc/mounts | grep '^/ ' | cut -c3-4"
        words = ("--rm", "--network", "none", *options, "--entrypoint", "sh", stack.platform.name)
        return run("podman", "run", *words, "-c", command).stdout.strip()

    assert kind(*LOCKED_DOWN) == "ro"
    assert kind() == "rw"


def test_only_the_door_and_the_reader_of_posts_have_a_way_out(stack: Stack) -> None:
    """A default route is the line of /proc/net/route whose destination is 0."""
    every = (*SERVERS, *SERVICES)
    ways = {one: stack.sh(one, "cut -f2 /proc/net/route").split().count("00000000") for one in every}
    assert ways == {
        "postgresql": 0,
        "valkey": 0,
        "kafka": 0,
        "stock": 0,
        "sentiment": 1,
        "relay": 0,
        "gateway": 1,
    }
    published = {one: stack.inspect(one)["HostConfig"]["PortBindings"].values() for one in every}
    assert [one for one in every if any(published[one])] == ["gateway"]


def test_every_target_of_the_program_starts_from_the_image(stack: Stack, tmp_path: Path) -> None:
    """With every secret of a service, because `all` is more than one."""
    secrets = tmp_path / "secrets"
    for service in (*SERVICES, "admin", "live"):
        shutil.copytree(stack.secrets / "services" / service, secrets, dirs_exist_ok=True)
    found = targets(stack)
    assert {"stock", "sentiment", "relay", "live", "gateway", "all"} <= set(found)
    for target in found:
        name = f"{stack.project}-{target}"
        settings = {
            "STOCK_HOST": "0.0.0.0",  # noqa: S104 - in the container
            "STOCK_DATABASE_HOST": "postgresql",
            "STOCK_VALKEY_HOST": "valkey",
            "STOCK_STOCK_URL": "http://stock:8001",
            "STOCK_DATABASE_USER": ROLES.get(target, "stock_gateway"),
            "STOCK_DATABASE_READER": "stock_reader",
            "STOCK_DATABASE_RELAY": "stock_relay",
            "STOCK_DATABASE_SENTIMENT": "stock_sentiment",
            "STOCK_DATABASE_WRITER": "stock_writer",
            "STOCK_RELAY_HOST": "0.0.0.0",  # noqa: S104 - in the container
            "STOCK_DATABASE_PASSWORDS": "/run/secrets/",
            "STOCK_VALKEY_PASSWORD_FILE": "/run/secrets/valkey",
        }
        if target == "live":
            settings["STOCK_LIVE_SOURCES"] = "coinbase/AAPL"  # out of reach here, which it outlives
        told = [word for one in settings.items() for word in ("-e", "=".join(one))]
        networks = f"{stack.project}_data,{stack.project}_app"
        options = ("-d", "--network", networks, "--user", f"{stack.uid + 1}:0", *LOCKED_DOWN, *told)
        mounts = ("-v", f"{secrets}:/run/secrets:ro")
        command = (stack.platform.name, "serve", "--target", target)
        run("podman", "run", "--name", name, *options, *mounts, *command)
        try:
            wait_for(partial(is_healthy, name), partial(logs, name))
            run("podman", "stop", "-t", "30", name)
            assert inspect("container", name)["State"]["ExitCode"] == 0
        finally:
            run("podman", "rm", "-f", name)


def test_search_chart_and_indicator_come_through_the_gateway(stack: Stack) -> None:
    found = stack.get("/api/v1/stocks", query="apple").json()
    assert "AAPL" in [one["symbol"] for one in found["items"]]
    chart = stack.get("/api/v1/stocks/AAPL/chart", **AAPL, i="sma(3)").json()
    closes = known_closes()
    assert chart["c"] == closes
    assert closes[:2] == [130.31, 122.0]
    (average,) = chart["indicators"]
    assert average["outputs"]["real"][2:] == pytest.approx(
        [sum(closes[at - 2 : at + 1]) / 3 for at in range(2, len(closes))]
    )


def test_sentiment_comes_from_its_own_container_through_the_gateway(stack: Stack) -> None:
    found = stack.get("/api/v1/sentiment/AAPL").json()
    assert (found["symbol"], found["coverage"]) == ("AAPL", 0.9)
    assert stack.get("/api/v1/sentiment/NOSUCH").status_code == 404
    sources = stack.get("/api/v1/sentiment-sources").json()["items"]
    assert {one["state"] for one in sources} == {"off"}
    assert "/api/v1/sentiment/AAPL" in stack.logs("sentiment")


def test_what_an_import_told_arrives_through_kafka(stack: Stack) -> None:
    def has_arrived() -> bool:
        ask = "SELECT (SELECT count(*) FROM outbox WHERE published_at IS NULL) = 0"
        ask += " AND (SELECT sum(events) FROM event_delivery) = (SELECT count(*) FROM outbox)"
        ask += " AND (SELECT count(*) FROM dead_letter) = 0"
        return stack.sh("postgresql", f'psql -U postgres -d stock_analysis -Atc "{ask}"').strip() == "t"

    wait_for(has_arrived, lambda: stack.logs("relay"))


def test_errors_are_told_with_their_id(stack: Stack) -> None:
    unknown = stack.get("/api/v1/stocks/NOSUCH/chart")
    assert unknown.status_code == 404
    assert unknown.headers["content-type"] == "application/problem+json"
    assert unknown.json()["request_id"] == unknown.headers["x-request-id"]
    without_key = httpx.get(f"{stack.url}/api/v1/stocks/AAPL/chart")
    assert without_key.status_code == 401


def test_the_page_shows_the_chart_in_a_browser(stack: Stack) -> None:
    RESULTS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-US")
        page.goto(f"{stack.url}/?symbol=AAPL&range=All")
        page.locator(".key-form input").first.fill(stack.key)
        page.locator(".key-form button").first.click()
        expect(page.locator(".ohlc")).to_contain_text(f"C {newest_close():.2f}", timeout=60_000)
        expect(page.locator(".chart[aria-busy=true], .loading")).to_have_count(0)
        page.screenshot(path=RESULTS / "containers.png")
        browser.close()


def test_the_first_process_reaps_the_children_that_others_leave(stack: Stack) -> None:
    stack.sh("gateway", "(sleep 0.1 & exec true) & sleep 1")
    states = stack.sh("gateway", "cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) //' | cut -c1")
    assert "Z" not in states.split()
    assert stack.sh("gateway", "tr '\\0' ' ' </proc/1/cmdline").startswith("dumb-init -- ")


def test_no_secret_is_shown_by_inspection_process_lists_or_logs(stack: Stack) -> None:
    secrets = [value for one in values(stack.secrets).values() for value in one]
    assert len(secrets) >= 8
    processes = run("ps", "axeww").stdout
    for service in (*SERVERS, *SERVICES, "migrate"):
        shown = str(stack.inspect(service)) + run("podman", "logs", stack.container(service)).stdout
        assert not [secret for secret in secrets if secret in shown]
    assert not [secret for secret in secrets if secret in processes]


OWNERS = "SELECT DISTINCT relowner::regrole FROM pg_class WHERE relname ~ '^bar_1'"
SESSIONS = """
SELECT DISTINCT usename FROM pg_stat_activity WHERE backend_type IN ('client backend', 'walsender')
AND application_name <> 'psql'
"""


def test_each_service_has_its_own_role_and_none_is_superuser(stack: Stack) -> None:
    def sql(statement: str) -> list[str]:
        return stack.sh("postgresql", f'psql -U postgres -d stock_analysis -Atc "{statement}"').split()

    assert stack.get("/api/v1/stocks/AAPL/chart", **AAPL).status_code == 200
    assert set(sql(SESSIONS)) <= {"stock_reader", "stock_sentiment", "stock_relay", "stock_gateway"}
    assert "stock_reader" in sql(SESSIONS)
    assert sql("SELECT rolname FROM pg_roles WHERE rolsuper") == ["postgres"]
    assert sql(OWNERS) == ["stock_analysis"]
    held = {one: stack.sh(one, "ls /run/secrets").split() for one in SERVICES}
    assert held == {one: sorted(files_of(one)) for one in SERVICES}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_cannot_write_prices_nor_read_what_is_not_its_own(stack: Stack, service: str) -> None:
    """With all that the container has: its role, its password, its way to the database."""

    def outcome(statement: str) -> str:
        script = ATTEMPT.format(role=files_of(service)[0], statement=statement)
        return stack.sh(service, f"python - <<'EOF'\n{script}\nEOF").strip()

    others = "SELECT * FROM api_key" if service == "stock" else "SELECT * FROM bar_1d"
    assert outcome("SELECT 1") == "1"
    for statement in (
        "DELETE FROM bar_1d",
        "UPDATE instrument SET name = name",
        "INSERT INTO api_key DEFAULT VALUES",
        "CREATE TABLE mine (line text)",
        "CREATE ROLE mine SUPERUSER",
        "SET ROLE stock_analysis",
        "SELECT * FROM pg_authid",
        others,
    ):
        assert outcome(statement) == "InsufficientPrivilegeError", statement


ATTEMPT = """
import asyncio, asyncpg

async def attempt():
    password = open("/run/secrets/{role}").readline().strip()
    connection = await asyncpg.connect(
        host="postgresql", database="stock_analysis", user="{role}", password=password
    )
    return await connection.fetchval("{statement}")

try:
    print(asyncio.run(attempt()))
except asyncpg.PostgresError as error:
    print(type(error).__name__)
"""


def test_a_dump_by_hand_holds_the_prices(stack: Stack) -> None:
    dump = "pg_dump -U postgres -Fc stock_analysis | pg_restore -f - -a -t bar_1d | wc -l"
    rows = int(stack.sh("postgresql", "psql -U postgres -Atc 'SELECT count(*) FROM bar_1d' stock_analysis"))
    assert rows > 20_000
    assert int(stack.sh("postgresql", dump)) > rows


def test_sigterm_under_load_loses_no_request(stack: Stack, report: Report) -> None:
    """As behind a balancer that asks /readyz and sends nothing more once it says no."""
    outcomes: Counter[str] = Counter()
    draining = threading.Event()

    def watch() -> None:
        try:
            while httpx.get(f"{stack.url}/readyz", timeout=10).status_code == 200:
                time.sleep(0.1)
        finally:
            draining.set()

    def ask_on() -> None:
        headers = {"Authorization": f"Bearer {stack.key}"}
        with httpx.Client(base_url=stack.url, headers=headers, timeout=30) as client:
            while not draining.is_set():
                outcomes[_outcome(client)] += 1

    threads = [threading.Thread(target=one) for one in (watch, *[ask_on] * 8)]
    for thread in threads:
        thread.start()
    time.sleep(2)
    before = outcomes["answered"]
    started = time.monotonic()
    run("podman", "stop", "-t", "30", stack.container("gateway"))
    took_s = time.monotonic() - started
    for thread in threads:
        thread.join()
    code = stack.state("gateway")["ExitCode"]
    run("podman", "start", stack.container("gateway"))
    back_s = stack.wait("gateway")
    report("SIGTERM", f"{dict(outcomes)}; stopped after {took_s:.1f} s, ready again after {back_s:.1f} s")
    assert set(outcomes) == {"answered"}
    assert outcomes["answered"] > before > 10
    assert code == 0


def _outcome(client: httpx.Client) -> str:
    try:
        answer = client.get("/api/v1/stocks/AAPL/chart", params=AAPL)
    except httpx.HTTPError as error:
        return f"lost: {type(error).__name__}"
    return "answered" if answer.status_code == 200 else f"status {answer.status_code}"


def test_a_frozen_broker_is_not_healthy(stack: Stack) -> None:
    """Its port still takes connections."""
    pid = stack.state("kafka")["Pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        assert not is_healthy(stack.container("kafka"))
    finally:
        os.kill(pid, signal.SIGCONT)
    stack.wait("kafka")


@pytest.mark.parametrize("service", [*SERVERS, *SERVICES])
def test_a_killed_container_comes_back_by_itself_with_its_data(
    stack: Stack, service: str, report: Report
) -> None:
    before = stack.state(service)["Pid"]
    stack.kill_hard(service)
    wait_for(lambda: stack.state(service)["Pid"] not in {0, before}, lambda: stack.logs(service))
    stack.wait(service)
    took_s = wait_for(lambda: _closes(stack) == known_closes(), lambda: stack.logs("gateway"))
    report("kill -9", f"{service}: the chart is there again {took_s:.1f} s after its health check")


def _closes(stack: Stack) -> list[float] | None:
    try:
        answer = stack.get("/api/v1/stocks/AAPL/chart", **AAPL)
    except httpx.HTTPError:
        return None
    closes: list[float] | None = answer.json()["c"] if answer.status_code == 200 else None
    return closes
