"""What a reader sees while a part of the platform is down. Each test has servers of its own to stop."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Route, expect

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.platform import Platform
from stock_analysis.testing.valkey import ValkeyServer
from tests.e2e.conftest import Visit
from tests.e2e.test_chart_page import ohlc


@pytest.fixture
def own_valkey() -> Iterator[ValkeyServer]:
    server = ValkeyServer()
    yield server
    server.remove()


@pytest.fixture
def platform(sample_database: Settings, own_valkey: ValkeyServer) -> Iterator[Platform]:
    platform = Platform(own_valkey.add_to(sample_database))
    yield platform
    platform.remove()


def test_operations_tell_that_all_is_well(visit: Visit) -> None:
    visit.open("/")
    visit.page.get_by_role("link", name="Operations").click()
    page = visit.page
    expect(page.get_by_role("status").filter(has_text="Everything works")).to_be_visible()
    for part in ("Database (PostgreSQL)", "Cache (Valkey)", "Stock service", "Gateway"):
        expect(page.locator(".part.good", has_text=part)).to_be_visible()
    facts = visit.ask("/api/v1/operations")
    database = page.get_by_role("region", name="Database")
    expect(database).to_contain_text(f"{facts['database']['bars']:,}")
    expect(database).to_contain_text(f"{facts['database']['instruments']:,}")
    expect(page.get_by_role("region", name="Last import")).to_contain_text("Finished")
    expect(page.get_by_role("region", name="Platform")).to_contain_text(facts["version"])


def test_without_valkey_operations_say_why_and_charts_go_on(visit: Visit, own_valkey: ValkeyServer) -> None:
    visit.open("/operations")
    expect(visit.page.get_by_text("Everything works")).to_be_visible()
    own_valkey.stop()
    expect(visit.page.get_by_text("1 critical")).to_be_visible()
    bad = visit.page.locator(".part.bad", has_text="Cache (Valkey)")
    expect(bad).to_be_visible()
    expect(bad.locator(".part-reason")).not_to_be_empty()
    visit.picture("valkey-down")
    visit.open("/?symbol=IBM&range=1Y&i=rsi(14)")
    expect(visit.page.locator(".ohlc")).to_be_visible()
    own_valkey.start()
    visit.open("/operations")
    expect(visit.page.get_by_text("Everything works")).to_be_visible()


def test_a_chart_that_cannot_be_loaded_says_why_and_is_loaded_by_retry(
    visit: Visit, platform: Platform
) -> None:
    visit.open("/?symbol=AAPL&range=1Y")
    platform.stop()
    visit.page.keyboard.press("/")
    visit.page.keyboard.type("ibm")
    expect(visit.page.get_by_text("The search did not answer.")).to_be_visible()
    visit.page.get_by_role("radio", name="1 week").check(force=True)
    alert = visit.page.get_by_role("alert").filter(has_text="This could not be loaded")
    expect(alert).to_contain_text("The server cannot be reached. It may be starting, or stopped.")
    visit.picture("down")
    platform.start()
    alert.get_by_role("button", name="Retry").click()
    visit.settle()
    expect(visit.page.locator(".ohlc")).to_be_visible()
    assert visit.problems
    visit.forget_outage()


def test_a_browser_that_thinks_it_is_offline_asks_the_server_all_the_same(visit: Visit) -> None:
    visit.page.add_init_script("Object.defineProperty(navigator, 'onLine', { get: () => false })")
    visit.open("/?symbol=AAPL&range=1Y")
    expect(visit.page.locator(".ohlc")).to_be_visible()
    visit.page.evaluate("dispatchEvent(new Event('offline'))")
    visit.page.get_by_role("radio", name="1 week").check(force=True)
    visit.settle()
    assert visit.ask("/api/v1/stocks/AAPL/bars", interval="1w")["c"][-1] == pytest.approx(
        ohlc(visit.page)[3], abs=0.005
    )
    visit.page.keyboard.press("/")
    visit.page.keyboard.type("ibm")
    expect(visit.page.get_by_role("option").first).to_contain_text("IBM")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_request_that_hangs_says_so_after_five_seconds_and_is_sent_anew(
    visit: Visit, language: str
) -> None:
    page = visit.page
    hangs = True

    def answer(route: Route) -> None:
        if not hangs:
            route.continue_()

    page.route(re.compile("/api/.+/chart"), answer)
    page.goto(f"{visit.url}/?symbol=AAPL&range=1Y&lang={language}")
    began = time.monotonic()
    says = page.locator(".slow")
    expect(says).to_be_visible()
    assert time.monotonic() - began > 4
    expect(says).to_have_text(
        {
            "en": "The server has not answered for 5 seconds. Retry",
            "ko": "서버가 5초 동안 응답하지 않고 있습니다. 다시 시도",
        }[language]
    )
    visit.picture("hangs")
    hangs = False
    says.get_by_role("button").click()
    visit.settle()
    expect(page.locator(".ohlc")).to_be_visible()
    expect(says).to_have_count(0)


def test_operations_say_that_nothing_answers_and_recover_by_themselves(
    visit: Visit, platform: Platform
) -> None:
    visit.open("/operations")
    expect(visit.page.get_by_text("Everything works")).to_be_visible()
    platform.stop()
    expect(visit.page.get_by_role("alert")).to_contain_text("The platform does not answer")
    visit.picture("down")
    platform.start()
    expect(visit.page.get_by_text("Everything works")).to_be_visible()
    visit.forget_outage()
