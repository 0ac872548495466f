"""The pages on a phone, for a screen reader, in every language and theme."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import AXE, DESKTOP, PHONE, Visit

PATHS = {
    "chart": "/?symbol=AAPL&range=1Y&i=rsi(14)&i=macd(12,26,9)",
    "compared": "/?symbol=MSFT&range=1Y&compare=IBM",
    "korean": "/?symbol=005930&range=1Y&lang=ko",
    "light": "/?symbol=AAPL&range=1Y&i=bbands(20,2,2,0)&theme=light",
    "empty": "/?symbol=AAPL&interval=1m",
    "operations": "/operations",
    "operations-light-korean": "/operations?theme=light&lang=ko",
    "no-page": "/nowhere",
}


class Anywhere:
    @pytest.mark.parametrize("name", PATHS)
    def test_a_page_is_never_wider_than_the_screen_and_has_no_serious_barrier(
        self, name: str, visit: Visit
    ) -> None:
        visit.open(PATHS[name])
        if name == "no-page":
            (told,) = visit.problems
            assert "404" in told
            visit.problems.clear()
            visit.picture("no-page")
        assert overflow(visit.page) == 0
        assert barriers(visit.page) == []

    @pytest.mark.parametrize("opener", ["Indicators", "Compare with another stock", "100 quarantined rows"])
    def test_a_dialog_has_no_serious_barrier(self, opener: str, visit: Visit) -> None:
        visit.open("/?symbol=005930")
        visit.page.get_by_role("button", name=opener, exact=True).click()
        expect(visit.page.get_by_role("dialog")).to_be_visible()
        expect(visit.page.locator(".loading")).to_have_count(0)
        assert barriers(visit.page) == []


class TestDesktop(Anywhere):
    @pytest.fixture
    def options(self) -> dict[str, Any]:
        return {"viewport": DESKTOP, "locale": "en-US", "color_scheme": "dark"}


class TestPhone(Anywhere):
    @pytest.fixture
    def options(self) -> dict[str, Any]:
        return {
            "viewport": PHONE,
            "locale": "en-US",
            "color_scheme": "dark",
            "has_touch": True,
            "is_mobile": True,
            "device_scale_factor": 2,
        }

    def test_everything_is_done_by_touch(self, visit: Visit) -> None:
        visit.open("/?symbol=AAPL")
        page = visit.page
        page.get_by_role("combobox", name="Search symbol or company").tap()
        page.keyboard.type("msft")
        page.get_by_role("option", name=re.compile("^MSFT")).tap()
        visit.settle()
        expect(page.get_by_role("heading", level=1)).to_contain_text("MSFT")
        page.get_by_role("button", name="Indicators", exact=True).tap()
        page.get_by_role("searchbox", name="Search indicators").fill("rsi")
        page.get_by_role("button", name=re.compile(r"^RSI\b")).first.tap()
        visit.picture("dialog")
        page.get_by_role("button", name="Add to chart").tap()
        visit.settle()
        expect(visit.legend("RSI 14")).to_be_visible()
        assert overflow(page) == 0

    def test_the_quarantined_rows_fit(self, visit: Visit) -> None:
        visit.open("/?symbol=005930")
        visit.page.get_by_role("button", name="100 quarantined rows").tap()
        expect(visit.page.get_by_role("list", name="Quarantined rows")).to_be_visible()
        assert overflow(visit.page) == 0


def test_a_visitor_whose_system_is_korean_and_light_gets_that(visit: Visit) -> None:
    context = visit.page.context.browser
    assert context is not None
    page = context.new_page(locale="ko-KR", color_scheme="light")
    page.goto(visit.url)
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.context.close()


def test_the_api_pages_work_without_any_other_server(visit: Visit) -> None:
    visit.page.goto(f"{visit.url}/docs")
    expect(visit.page.get_by_text("/api/v1/stocks/{symbol}/bars").first).to_be_visible()


def overflow(page: Page) -> int:
    """How many pixels the page can be moved sideways."""
    found: int = page.evaluate(
        "() => document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
    )
    return found


def barriers(page: Page) -> list[str]:
    """What axe finds serious or critical."""
    page.evaluate(AXE.read_text())
    violations = page.evaluate("async () => (await axe.run({resultTypes: ['violations']})).violations")
    return [
        f"{one['id']}: {one['help']}: {node['html'][:200]}"
        for one in violations
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
