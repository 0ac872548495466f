"""The chart page in a real browser, on the sample data."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Visit


def ohlc(page: Page) -> list[float]:
    """Open, high, low and close as the legend shows them."""
    pairs = page.locator(".ohlc .pair").all_inner_texts()[:4]
    return [float(pair.split()[1].replace(",", "")) for pair in pairs]


def bar(visit: Visit, symbol: str, position: int = -1, **query: str) -> list[float]:
    """The same bar as the API tells it, rounded as the page rounds."""
    answer = visit.ask(f"/api/v1/stocks/{symbol}/bars", **query)
    digits = 0 if symbol == "005930" else 2
    return [round(answer[name][position], digits) for name in "ohlc"]


def indicator(visit: Visit, symbol: str, spec: str, position: int = -1, **query: str) -> list[float]:
    answer = visit.ask(f"/api/v1/stocks/{symbol}/indicators", i=spec, **query)
    return [output[position] for output in answer["indicators"][0]["outputs"].values()]


def test_the_first_page_is_aapl_with_two_indicators(visit: Visit) -> None:
    visit.open("/")
    expect(visit.page.get_by_role("heading", level=1)).to_contain_text("AAPL")
    assert ohlc(visit.page) == bar(visit, "AAPL")
    assert visit.numbers("AAPL") == pytest.approx(indicator(visit, "AAPL", "sma(50)"), abs=0.005)
    assert visit.numbers("RSI 14") == pytest.approx(indicator(visit, "AAPL", "rsi(14)"), abs=0.005)
    assert visit.page.title().startswith("AAPL")


def test_the_close_on_the_page_is_the_known_one(visit: Visit) -> None:
    visit.open("/?symbol=AAPL&range=All")
    expect(visit.page.locator(".ohlc")).to_contain_text("C 173.93")
    slider = visit.page.get_by_role("slider")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"Sep 21, 2023"))


def test_slash_searches_and_enter_switches_the_symbol(visit: Visit) -> None:
    visit.open("/")
    visit.page.keyboard.press("/")
    visit.page.keyboard.type("samsung")
    expect(visit.page.get_by_role("option").first).to_contain_text("005930")
    visit.picture("results")
    visit.page.keyboard.press("Enter")
    expect(visit.page.get_by_role("heading", level=1)).to_contain_text("005930")
    visit.settle()
    assert visit.state()["symbol"] == ["005930"]
    assert ohlc(visit.page) == bar(visit, "005930")
    expect(visit.page.locator(".ohlc .pair").first).not_to_contain_text(".")


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("apple inc", "AAPL"),
        ("BRKB", "BRK.B"),
        ("brk b", "BRK.B"),
        ("ㅅㅅㅈㅈ", "005930"),
        ("micorsoft", "MSFT"),
    ],
)
def test_search_finds_what_was_meant(visit: Visit, text: str, symbol: str) -> None:
    visit.open("/?symbol=IBM")
    visit.page.keyboard.press("/")
    visit.page.keyboard.insert_text(text)
    expect(visit.page.get_by_role("option").first).to_contain_text(symbol)
    visit.picture("found")
    visit.page.keyboard.press("Enter")
    expect(visit.page.get_by_role("heading", level=1)).to_contain_text(symbol)


def test_a_search_without_a_match_says_so(visit: Visit) -> None:
    visit.open("/")
    visit.page.keyboard.press("/")
    visit.page.keyboard.type("no such stock")
    expect(visit.page.get_by_text("No stock matches “no such stock”.")).to_be_visible()


def test_interval_range_and_adjustment_change_the_bars_and_the_address(visit: Visit) -> None:
    visit.open("/?symbol=AAPL")
    visit.page.get_by_role("radio", name="1 week").check(force=True)
    visit.settle()
    assert ohlc(visit.page) == bar(visit, "AAPL", interval="1w")
    visit.page.get_by_role("radio", name="All data").check(force=True)
    visit.page.get_by_role("combobox", name="Adjustment").select_option("raw")
    visit.settle()
    visit.page.get_by_role("slider").press("Home")
    assert ohlc(visit.page) == bar(visit, "AAPL", 0, interval="1w", adjustment="raw")
    assert ohlc(visit.page) != bar(visit, "AAPL", 0, interval="1w")
    state = visit.state()
    assert (state["interval"], state["range"], state["adjustment"]) == (["1w"], ["All"], ["raw"])


def test_the_crosshair_tells_the_bar_it_is_on(visit: Visit) -> None:
    visit.open("/?symbol=IBM&i=rsi(14)")
    canvas = visit.page.locator(".canvas").bounding_box()
    assert canvas is not None
    visit.page.mouse.move(canvas["x"] + canvas["width"] / 2, canvas["y"] + canvas["height"] / 3)
    slider = visit.page.get_by_role("slider")
    expect(slider).not_to_have_attribute("aria-valuenow", slider.get_attribute("aria-valuemax") or "")
    ago = int(slider.get_attribute("aria-valuenow") or 0) - int(slider.get_attribute("aria-valuemax") or 0)
    assert ohlc(visit.page) == bar(visit, "IBM", ago - 1)
    assert visit.numbers("RSI 14") == pytest.approx(indicator(visit, "IBM", "rsi(14)", ago - 1), abs=0.005)


def test_an_indicator_with_parameters_is_added_kept_on_reload_changed_and_removed(visit: Visit) -> None:
    visit.open("/?symbol=MSFT&range=1Y")
    page = visit.page
    page.get_by_role("button", name="Indicators", exact=True).click()
    page.get_by_role("searchbox", name="Search indicators").fill("bbands")
    page.keyboard.press("Enter")
    page.get_by_label(re.compile("period", re.IGNORECASE)).first.fill("30")
    visit.picture("dialog")
    page.get_by_role("button", name="Add to chart").click()
    visit.settle()
    expect(page.locator(".legend-label", has_text="BBANDS 30")).to_be_visible()
    (spec,) = visit.state()["i"]
    assert spec.startswith("bbands(30,")
    expected = pytest.approx(indicator(visit, "MSFT", spec), abs=0.005)
    assert visit.numbers("MSFT") == expected

    page.reload()
    visit.settle()
    assert visit.numbers("MSFT") == expected

    page.get_by_role("button", name=re.compile("^Edit BBANDS")).click()
    page.get_by_label(re.compile("period", re.IGNORECASE)).first.fill("10")
    page.get_by_role("button", name="Save").click()
    visit.settle()
    assert visit.state()["i"][0].startswith("bbands(10,")
    page.get_by_role("button", name=re.compile("^Remove BBANDS")).click()
    expect(page.locator(".legend-label")).to_have_count(0)
    assert "i" not in visit.state()


def test_a_parameter_out_of_range_cannot_be_added(visit: Visit) -> None:
    visit.open("/?symbol=MSFT")
    page = visit.page
    page.get_by_role("button", name="Indicators", exact=True).click()
    page.get_by_role("searchbox", name="Search indicators").fill("rsi")
    page.keyboard.press("Enter")
    page.get_by_label(re.compile("period", re.IGNORECASE)).first.fill("1")
    expect(page.get_by_role("alert")).to_contain_text("The least is 2.")
    expect(page.get_by_role("button", name="Add to chart")).to_be_disabled()


def test_the_address_alone_brings_everything_back(visit: Visit) -> None:
    visit.open(
        "/?symbol=GOOG&interval=1mo&range=5Y&adjustment=all&i=macd(12,26,9)&compare=IBM&theme=light&lang=ko"
    )
    page = visit.page
    expect(page.get_by_role("heading", level=1)).to_contain_text("GOOG")
    expect(page.locator(".legend-label", has_text="MACD 12 26 9")).to_be_visible()
    expect(page.locator(".legend-label", has_text="IBM")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    assert page.get_by_role("combobox", name="수정 주가").input_value() == "all"
    assert ohlc(page) == bar(visit, "GOOG", interval="1mo", adjustment="all")


def test_back_returns_to_what_was_shown(visit: Visit) -> None:
    visit.open("/?symbol=AAPL&interval=1w")
    for text, symbol in (("ibm", "IBM"), ("msft", "MSFT")):
        visit.page.keyboard.press("/")
        visit.page.keyboard.type(text)
        visit.page.keyboard.press("Enter")
        expect(visit.page.get_by_role("heading", level=1)).to_contain_text(symbol)
    visit.page.go_back()
    expect(visit.page.get_by_role("heading", level=1)).to_contain_text("IBM")
    visit.page.go_back()
    expect(visit.page.get_by_role("heading", level=1)).to_contain_text("AAPL")
    visit.settle()
    assert visit.state()["interval"] == ["1w"]
    assert ohlc(visit.page) == bar(visit, "AAPL", interval="1w")


def test_two_symbols_are_compared_in_per_cent(visit: Visit) -> None:
    visit.open("/?symbol=MSFT&range=1Y")
    page = visit.page
    page.get_by_role("button", name="Compare with another stock").click()
    page.get_by_role("dialog").get_by_role("combobox").fill("ibm")
    page.get_by_role("dialog").get_by_role("option", name=re.compile("^IBM")).click()
    visit.settle()
    row = page.locator(".legend-row", has=page.locator(".legend-label", has_text="IBM"))
    expect(row).to_contain_text("%")
    visit.picture("compared")
    assert visit.state()["compare"] == ["IBM"]
    page.locator(".toolbar").get_by_role("button", name="Stop comparing with IBM").click()
    expect(row).to_have_count(0)


def test_a_comparison_of_all_data_starts_at_the_first_bar_in_a_window_of_any_width(visit: Visit) -> None:
    visit.open("/?symbol=MSFT&range=All&compare=IBM")
    mine, other = (
        dict(zip(bars["t"], bars["c"], strict=True))
        for bars in (visit.ask(f"/api/v1/stocks/{one}/bars", limit=50_000) for one in ("MSFT", "IBM"))
    )
    common = sorted(mine.keys() & other.keys())
    change = other[common[-1]] / other[common[0]] - 1
    row = visit.page.locator(".legend-row", has=visit.page.locator(".legend-label", has_text="IBM"))
    expect(row).to_contain_text(f"{change:+.2%}")
    visit.page.set_viewport_size({"width": 900, "height": 800})
    visit.settle()
    expect(row).to_contain_text(f"{change:+.2%}")


def test_a_comparison_without_common_bars_says_so(visit: Visit) -> None:
    visit.open("/?symbol=AAPL&range=1Y&compare=IBM")
    says = visit.page.get_by_text("IBM has no bars in this period.")
    expect(says).to_be_visible()
    visit.page.get_by_label("All data").check(force=True)
    visit.settle()
    expect(says).to_have_count(0)
    visit.page.get_by_label("Last 5 years").check(force=True)
    expect(says).to_be_visible()


def test_minutes_are_shown_in_the_time_of_the_exchange(visit: Visit) -> None:
    visit.open("/?symbol=ES&interval=5m")
    answer = visit.ask("/api/v1/stocks/ES/bars", interval="5m")
    assert ohlc(visit.page) == bar(visit, "ES", interval="5m")
    expect(visit.page.locator(".footer")).to_contain_text("Central Time")
    hour = visit.page.evaluate(
        "([t, zone]) => new Intl.DateTimeFormat('en-US', {hour: '2-digit', minute: '2-digit',"
        " hourCycle: 'h23', timeZone: zone}).format(t * 1000)",
        [answer["t"][-1], answer["timezone"]],
    )
    expect(visit.page.get_by_role("slider")).to_have_attribute("aria-valuetext", re.compile(hour))


def test_korean_is_a_whole_page_and_stays(visit: Visit) -> None:
    visit.open("/?symbol=005930&range=1Y&i=rsi(14)")
    visit.page.get_by_role("button", name="한국어로 보기").click()
    expect(visit.page.locator("html")).to_have_attribute("lang", "ko")
    for words in ("지표", "비교"):
        expect(visit.page.locator(".toolbar")).to_contain_text(words)
    visit.page.goto(f"{visit.url}/?symbol=AAPL")
    visit.settle()
    expect(visit.page.locator("html")).to_have_attribute("lang", "ko")
    latin = re.findall(r"[A-Za-z]{4,}", visit.page.locator(".toolbar, .footer").first.inner_text())
    assert latin == []


def test_dark_and_light_are_chosen_and_stay(visit: Visit) -> None:
    visit.open("/?symbol=AAPL&range=1Y")
    html = visit.page.locator("html")
    expect(html).to_have_attribute("data-theme", "dark")
    visit.picture("dark")
    background = "getComputedStyle(document.documentElement).backgroundColor"
    dark = visit.page.evaluate(background)
    visit.page.get_by_role("button", name="Switch to light theme").click()
    expect(html).to_have_attribute("data-theme", "light")
    assert visit.page.evaluate(background) != dark
    visit.page.goto(f"{visit.url}/?symbol=IBM")
    visit.settle()
    expect(html).to_have_attribute("data-theme", "light")


def test_the_quality_badge_opens_the_quarantined_rows(visit: Visit) -> None:
    visit.open("/?symbol=005930")
    page = visit.page
    total = visit.ask("/api/v1/stocks/005930/quarantine")["total"]
    assert total == 100
    page.get_by_role("button", name="100 quarantined rows").click()
    rows = page.get_by_role("list", name="Quarantined rows").get_by_role("listitem")
    expect(rows.first).to_be_visible()
    assert rows.count() == 50
    page.get_by_role("button", name="Load more").click()
    expect(rows).to_have_count(100)
    expect(page.get_by_text("The exchange was closed on this date").first).to_be_visible()
    assert [
        text for text in page.locator(".quarantine-reasons strong").all_inner_texts() if "_" in text
    ] == []


def test_a_stock_without_quarantined_rows_says_so(visit: Visit) -> None:
    visit.open("/?symbol=AAPL")
    visit.page.get_by_role("button", name="No quarantined rows").click()
    expect(visit.page.get_by_text("Every imported row of this stock passed the checks.")).to_be_visible()


def test_an_interval_without_bars_offers_the_daily_ones(visit: Visit) -> None:
    visit.open("/?symbol=AAPL&interval=1m")
    expect(visit.page.get_by_text("No bars to show")).to_be_visible()
    visit.picture("empty")
    visit.page.get_by_role("button", name="Show daily bars").click()
    visit.settle()
    assert ohlc(visit.page) == bar(visit, "AAPL")


def test_an_unknown_symbol_offers_known_ones(visit: Visit) -> None:
    visit.open("/?symbol=NOSUCH")
    expect(visit.page.get_by_role("heading", name="NOSUCH is not here")).to_be_visible()
    visit.picture("unknown")
    visit.page.locator(".message-actions button").first.click()
    visit.settle()
    expect(visit.page.locator(".ohlc")).to_be_visible()
    assert visit.problems
    assert all("404" in problem for problem in visit.problems)
    visit.problems.clear()


def test_the_keyboard_alone_is_enough(visit: Visit) -> None:
    visit.open("/?symbol=AAPL")
    page = visit.page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the chart")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    slider = page.get_by_role("slider")
    expect(slider).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert ohlc(page) == bar(visit, "AAPL", -3)
    page.keyboard.press("End")
    assert ohlc(page) == bar(visit, "AAPL")

    page.get_by_role("radio", name="1 day").focus()
    page.keyboard.press("ArrowRight")
    visit.settle()
    assert visit.state()["interval"] == ["1w"]

    opener = page.get_by_role("button", name="Indicators", exact=True)
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("searchbox", name="Search indicators")).to_be_focused()
    page.keyboard.type("atr")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("spinbutton").first).to_be_focused()
    page.keyboard.press("Enter")
    visit.settle()
    expect(visit.legend("ATR 14")).to_be_visible()
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(opener).to_be_focused()
