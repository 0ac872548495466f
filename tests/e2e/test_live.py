"""The chart moves while stored minutes are played, and catches up after whatever comes between."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.builders import environment
from stock_analysis.testing.platform import Platform
from stock_analysis.testing.valkey import ValkeyServer
from tests.e2e.conftest import PHONE, Visit
from tests.e2e.test_chart_page import ohlc
from tests.e2e.test_everyone import barriers, overflow

PROGRAM = Path(sys.executable).with_name("stock-analysis")
ADDRESS = "/?symbol=ES&interval=1m&i=ema(20)&i=rsi(14)"


@pytest.fixture
def platform(sample_database: Settings, valkey: ValkeyServer) -> Iterator[Platform]:
    platform = Platform(valkey.add_to(sample_database))
    yield platform
    platform.remove()


@contextmanager
def replay(platform: Platform) -> Iterator[None]:
    """Minutes of ES are played meanwhile, one a second."""
    command: list[str | Path] = [PROGRAM, "replay", "ES", "--from", "2013-09-03T10:00", "--speed", "60"]
    process = subprocess.Popen(
        command,
        env=os.environ | environment(platform.settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield
    finally:
        process.terminate()
        process.communicate()


def newest(page: Page) -> int:
    """How many bars the chart has before its newest one."""
    return int(page.get_by_role("slider").get_attribute("aria-valuemax") or 0)


def newest_time(page: Page) -> str:
    return page.locator(".bar-time").inner_text()


def wait_for_bars(page: Page, more_than: int, timeout_s: float = 40) -> int:
    end = time.monotonic() + timeout_s
    while newest(page) <= more_than:
        assert time.monotonic() < end, "no new candle came"
        page.wait_for_timeout(100)
    return newest(page)


def test_the_chart_moves_while_minutes_are_played(visit: Visit, platform: Platform) -> None:
    page = visit.page
    visit.open(ADDRESS)
    assert page.locator(".live-row").count() == 0, "nothing is said where no live prices are to be had"
    stored = newest_time(page)
    with replay(platform):
        expect(page.get_by_role("status").filter(has_text="Replay 60×")).to_be_visible(timeout=40_000)
        expect(page.locator(".forming")).to_have_text("Forming")
        before = newest(page)
        shown = {page.locator(".live-price").inner_text()}
        wait_for_bars(page, before + 2)
        for _ in range(20):
            shown.add(page.locator(".live-price").inner_text())
            page.wait_for_timeout(100)
        assert len(shown) > 2, "the price moves"
        visit.picture("replay")
        assert barriers(page) == []
        page.keyboard.press("Tab")
        page.get_by_role("slider").focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        closed = page.get_by_role("slider").get_attribute("aria-valuetext") or ""
        assert "forming" not in closed
        assert_is_stored(visit, ohlc(page), page.locator(".bar-time").inner_text())
    expect(page.locator(".live-row")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator(".bar-time")).to_have_text(stored)


def assert_is_stored(visit: Visit, values: list[float], shown_time: str) -> None:
    """A bar that closed in the replay is the stored one."""
    hour, minute = map(int, re.findall(r"(\d\d):(\d\d)$", shown_time)[0])
    found = visit.ask(
        "/api/v1/stocks/ES/bars", interval="1m", **{"from": f"2013-09-03T{hour:02}:{minute:02}"}, limit=50_000
    )
    assert values == [found[name][0] for name in "ohlc"]


def test_a_killed_gateway_is_told_and_the_chart_catches_up(visit: Visit, platform: Platform) -> None:
    page = visit.page
    visit.open(ADDRESS)
    page.evaluate("window.sameDocument = true")
    with replay(platform):
        expect(page.locator(".live-state.replay")).to_be_visible(timeout=40_000)
        platform.kill()
        expect(page.get_by_role("status").filter(has_text="Reconnecting… as of")).to_be_visible()
        before = newest(page)
        visit.picture("reconnecting")
        page.wait_for_timeout(3000)
        platform.start()
        expect(page.locator(".live-state.replay")).to_be_visible(timeout=40_000)
        wait_for_bars(page, before + 3)
    assert page.evaluate("window.sameDocument") is True
    visit.forget_outage()


def test_a_page_that_slept_catches_up_without_a_reload(visit: Visit, platform: Platform) -> None:
    page = visit.page
    visit.open(ADDRESS)
    page.evaluate("window.sameDocument = true")
    with replay(platform):
        expect(page.locator(".live-state.replay")).to_be_visible(timeout=40_000)
        before = newest(page)
        devtools = page.context.new_cdp_session(page)
        devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
        time.sleep(8)
        devtools.send("Page.setWebLifecycleState", {"state": "active"})
        assert wait_for_bars(page, before + 6, timeout_s=6) > before + 6
        expect(page.locator(".live-state.replay")).to_be_visible()
        began = newest(page)
        wait_for_bars(page, began + 1)
    assert page.evaluate("window.sameDocument") is True


class TestOnAPhoneInKorean:
    @pytest.fixture
    def options(self) -> dict[str, object]:
        return {"viewport": PHONE, "locale": "ko-KR", "color_scheme": "light", "timezone_id": "Asia/Seoul"}

    def test_the_state_and_the_price_have_room(self, visit: Visit, platform: Platform) -> None:
        visit.open(ADDRESS)
        with replay(platform):
            expect(visit.page.get_by_role("status").filter(has_text="재생 60배속")).to_be_visible(
                timeout=40_000
            )
            expect(visit.page.locator(".forming")).to_have_text("진행 중")
            wait_for_bars(visit.page, newest(visit.page) + 1)
            visit.picture("phone")
            assert barriers(visit.page) == []
            assert overflow(visit.page) == 0
            row = visit.page.locator(".live-row").bounding_box()
            assert row is not None
            assert row["x"] >= 0
            assert row["x"] + row["width"] <= PHONE["width"]
