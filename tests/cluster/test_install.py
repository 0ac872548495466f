"""`small` from nothing to a chart on the page, on a real cluster."""

import re
from collections.abc import Callable
from datetime import date
from functools import partial

import httpx
from playwright.sync_api import expect, sync_playwright

from tests.cluster.cluster import until
from tests.cluster.prepared import Prepared
from tests.cluster.release import NAME, Release
from tests.containers.test_stack import closes_until
from tests.e2e.conftest import FLAGS, RESULTS
from tools.test_parts import find_browser

Report = Callable[[str, str], None]
PARTS = ("postgresql", "valkey", "stock", "sentiment", "gateway", "relay", "live", "backup", "kafka")
RANGE = {"interval": "1d", "adjustment": "raw", "from": "2000-03-01", "to": "2000-03-10"}


def test_every_part_is_ready(installed: Release, prepared: Prepared, report: Report) -> None:
    steps = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in prepared.seconds.items())
    report("images and cluster", steps)
    report("stockops deploy, images loaded", f"{installed.took_s:.0f} s from nothing to a green smoke test")
    for part in PARTS:
        until(partial(installed.ready, part), seconds=60, telling=installed.told)


def test_search_a_chart_with_known_closes_an_indicator_and_an_error(client: httpx.Client) -> None:
    found = client.get("/api/v1/stocks", params={"query": "apple"}).json()
    assert found["items"][0]["symbol"] == "AAPL"
    closes = closes_until(date(2000, 3, 10))
    chart = client.get("/api/v1/stocks/AAPL/chart", params={**RANGE, "i": "sma(2)"}).json()
    assert chart["c"] == closes
    assert client.get("/api/v1/stocks/NOSUCH/chart").status_code == 404


def test_who_has_no_key_sees_the_page_and_no_prices(client: httpx.Client) -> None:
    bare = client.get("/api/v1/stocks/AAPL/chart", headers={"Authorization": ""})
    assert bare.status_code == 401
    assert bare.headers["content-type"] == "application/problem+json"
    assert "<!doctype html>" in client.get("/", headers={"Authorization": ""}).text


def test_the_page_shows_the_chart_through_the_way_in(client: httpx.Client) -> None:
    host = client.headers["host"]
    mapped = f"MAP {host} {client.base_url.host}, EXCLUDE {client.base_url.host}, MAP * "
    flags = [flag.replace("MAP * ", mapped) for flag in FLAGS]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=flags)
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.set_extra_http_headers({"Authorization": client.headers["Authorization"]})
            page.goto(f"http://{host}:{client.base_url.port}?s=AAPL")
            expect(page.get_by_text(re.compile("Apple")).first).to_be_visible(timeout=30_000)
            expect(page.locator("canvas").first).to_be_visible(timeout=30_000)
            RESULTS.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=RESULTS / "cluster.png")
        finally:
            browser.close()


def test_helm_test_passes(installed: Release) -> None:
    installed.test()


def test_the_stock_service_cannot_write(installed: Release) -> None:
    script = (
        "import asyncio, asyncpg, os, pathlib\n"
        "async def main():\n"
        "    word = pathlib.Path('/run/secrets/stock_reader').read_text().strip()\n"
        "    c = await asyncpg.connect(host=os.environ['STOCK_DATABASE_HOST'], user='stock_reader',"
        " password=word, database='stock_analysis')\n"
        "    print(await c.fetchval('SELECT count(*) FROM instrument') > 0)\n"
        "    await c.execute('DELETE FROM bar_1d')\n"
        "asyncio.run(main())"
    )
    said = installed.k("exec", f"deploy/{NAME}-stock", "--", "python", "-c", script, check=False)
    assert "True" in said
    assert "permission denied" in said


def test_no_secret_stands_in_any_object_event_or_log(installed: Release) -> None:
    values = installed.secret_values()
    assert len(values) >= 9
    everything = installed.k("get", "all,configmaps,events,ingresses,networkpolicies,pvc", "-o", "yaml")
    logs = "".join(
        installed.k("logs", pod["metadata"]["name"]) for part in PARTS for pod in installed.pods(part)
    )
    processes = "".join(
        installed.k(
            "exec",
            pod["metadata"]["name"],
            "--",
            "sh",
            "-c",
            "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ; true",
        )
        for part in PARTS
        for pod in installed.pods(part)
    )
    assert "stock-analysis" in processes
    for name, value in values.items():
        for place, text in (("objects", everything), ("logs", logs), ("processes", processes)):
            assert value not in text, f"{name} stands in {place}"


def test_what_is_uninstalled_leaves_its_data_and_finds_it_again(
    installed: Release, client: httpx.Client, report: Report
) -> None:
    before = client.get("/api/v1/stocks/AAPL/chart", params=RANGE).json()["c"]
    installed.uninstall()
    claims = installed.cluster.get("-n", installed.namespace, "pvc")["items"]
    assert {one["metadata"]["name"] for one in claims} == {
        f"data-{NAME}-postgresql-0",
        f"data-{NAME}-valkey-0",
        f"data-{NAME}-kafka-0",
        f"storage-{NAME}-backup-0",
        f"work-{NAME}-backup-0",
    }
    installed.install()
    report("reinstall", f"{installed.took_s:.0f} s to all ready")
    until(lambda: client.get("/readyz").status_code == 200, seconds=60, telling=installed.told)
    assert client.get("/api/v1/stocks/AAPL/chart", params=RANGE).json()["c"] == before
