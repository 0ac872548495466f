"""What a reader is told about a bar: its date, its change, its colour, and how old the newest one is."""

import json
import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.conftest import Visit
from tests.e2e.test_chart_page import ohlc

COLOR_OF = "element => getComputedStyle(element).color"


def day(t: int) -> str:
    """As the legend writes the date of a session."""
    return f"{datetime.fromtimestamp(t, UTC):%a, %b %-d, %Y}"


def color(visit: Visit, name: str) -> str:
    """A colour of the style sheet as the browser tells it."""
    found: str = visit.page.evaluate(
        "name => { const probe = document.createElement('i'); probe.style.color = `var(--${name})`;"
        " document.querySelector('.app').append(probe); const seen = getComputedStyle(probe).color;"
        " probe.remove(); return seen; }",
        name,
    )
    return found


def test_the_date_of_the_bar_is_always_in_the_legend(visit: Visit) -> None:
    visit.open("/?symbol=AAPL&range=1Y")
    t = visit.ask("/api/v1/stocks/AAPL/bars")["t"]
    shown = visit.page.locator(".bar-time")
    expect(shown).to_have_text(day(t[-1]))
    visit.page.get_by_role("slider").press("ArrowLeft")
    expect(shown).to_have_text(day(t[-2]))
    visit.open("/?symbol=ES&interval=5m")
    expect(shown).to_have_text(re.compile(r"^\w{3}, Sep \d, 2013, \d\d:\d\d$"))


def test_bars_that_lack_sessions_say_as_of_when_they_are(visit: Visit) -> None:
    visit.open("/?symbol=AAPL&range=1Y")
    detail = visit.ask("/api/v1/stocks/AAPL")
    assert detail["as_of"] == "2023-09-21" < detail["last_session"]
    said = visit.page.locator(".as-of")
    expect(said).to_contain_text("As of Sep 21, 2023")
    visit.picture("late")
    visit.open("/?symbol=AAPL&range=1Y&interval=1w&lang=ko")
    expect(said).to_contain_text("2023. 9. 21. 기준")

    def up_to_date(route: Route) -> None:
        route.fulfill(
            body=json.dumps(detail | {"last_session": detail["as_of"]}), content_type="application/json"
        )

    visit.page.route("**/api/v1/stocks/AAPL", up_to_date)
    visit.open("/?symbol=AAPL&range=1Y&lang=en")
    expect(visit.page.locator(".legend-name")).to_have_text("Apple")
    expect(said).to_have_count(0)


@pytest.mark.parametrize(("symbol", "interval"), [("AAPL", "1d"), ("ES", "5m")])
def test_home_goes_to_the_first_stored_bar_and_end_to_the_last(
    visit: Visit, symbol: str, interval: str
) -> None:
    visit.open(f"/?symbol={symbol}&interval={interval}")
    bars = visit.ask(f"/api/v1/stocks/{symbol}/bars", interval=interval, limit=50_000)
    assert not bars["has_earlier"]
    slider = visit.page.get_by_role("slider")
    slider.press("Home")
    expect(slider).to_have_attribute("aria-valuemax", str(len(bars["t"]) - 1))
    expect(slider).to_have_attribute("aria-valuenow", "0")
    expect(visit.page.locator(".chart[aria-busy=true]")).to_have_count(0)
    assert ohlc(visit.page) == pytest.approx([bars[name][0] for name in "ohlc"], abs=0.005)
    visit.picture("first")
    slider.press("End")
    expect(slider).to_have_attribute("aria-valuenow", str(len(bars["t"]) - 1))


def test_whoever_moves_on_while_bars_load_is_not_taken_to_the_first(visit: Visit) -> None:
    visit.open("/?symbol=AAPL")
    held: list[Route] = []
    visit.page.route(re.compile(r"/chart\?.*to="), lambda route: held.append(route))
    slider = visit.page.get_by_role("slider")
    loaded = slider.get_attribute("aria-valuemax") or ""
    with visit.page.expect_request(re.compile(r"/chart\?.*to=")):
        slider.press("Home")
    slider.press("ArrowLeft")
    held[0].continue_()
    expect(slider).not_to_have_attribute("aria-valuemax", loaded)
    expect(visit.page.locator(".chart[aria-busy=true]")).to_have_count(0)
    total, now = (int(slider.get_attribute(f"aria-value{name}") or 0) for name in ("max", "now"))
    assert now == total - 1


@pytest.mark.parametrize("query", ["symbol=AAPL", "symbol=AAPL&interval=1mo&adjustment=all", "symbol=005930"])
def test_the_spoken_change_is_the_shown_one(visit: Visit, query: str) -> None:
    visit.open(f"/?{query}")
    slider = visit.page.get_by_role("slider")
    for key in ("End", "ArrowLeft", "PageDown", "PageDown", "ArrowLeft", "Home", "ArrowRight"):
        slider.press(key)
        if key == "Home":
            expect(slider).to_have_attribute("aria-valuenow", "0")
        shown = visit.page.locator(".ohlc .change").inner_text()
        expect(slider).to_have_attribute("aria-valuetext", re.compile(f"change {re.escape(shown)}$"))


def test_candle_and_legend_agree_in_colour_and_the_change_has_its_own(visit: Visit) -> None:
    visit.open("/?symbol=AAPL")
    bars = visit.ask("/api/v1/stocks/AAPL/bars")
    up_but_lower = next(
        ago
        for ago in range(1, 200)
        if bars["c"][-ago] > bars["o"][-ago] and bars["c"][-ago] < bars["c"][-ago - 1]
    )
    slider = visit.page.get_by_role("slider")
    slider.press("End")
    for _ in range(up_but_lower - 1):
        slider.press("ArrowLeft")
    assert ohlc(visit.page)[3] == round(bars["c"][-up_but_lower], 2)
    quotes = visit.page.locator(".ohlc .quote")
    assert {quotes.nth(at).evaluate(COLOR_OF) for at in range(4)} == {color(visit, "up")}
    assert visit.page.locator(".ohlc .change").evaluate(COLOR_OF) == color(visit, "down")
    expect(quotes.first).to_have_attribute("title", re.compile("against the open of the same bar"))
    visit.picture("up-but-lower")
