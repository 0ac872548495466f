"""What people write, under the chart: the strip, the pane with its band, the posts and their reasons."""

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.conftest import DESKTOP, PHONE, Visit
from tests.e2e.test_everyone import barriers

TALL = {"width": 1440, "height": 900}
AAPL = "/?symbol=AAPL&range=6M"


def pane(page: Page, title: str = "Sentiment") -> Locator:
    return page.get_by_role("region", name=title, exact=True)


def newest(visit: Visit, symbol: str) -> dict[str, Any]:
    columns = visit.ask(f"/api/v1/sentiment/{symbol}", limit=120)
    return {
        name: values[-1] for name, values in columns.items() if isinstance(values, list) and name != "models"
    }


@pytest.mark.parametrize("options", [{"viewport": DESKTOP, "locale": "en-US", "color_scheme": "dark"}])
def test_a_strip_tells_the_newest_bucket_and_opens_to_a_pane_that_stays_open(visit: Visit) -> None:
    visit.open(AAPL)
    strip = pane(visit.page)
    expect(strip).to_contain_text(f"{newest(visit, 'AAPL')['score']:+.2f}")
    expect(strip).to_contain_text("Sample")
    expect(strip.get_by_role("slider")).to_have_count(0)
    visit.picture("strip")
    strip.get_by_role("button", name="Show the sentiment pane").click()
    expect(strip.get_by_role("slider")).to_be_visible()
    visit.picture("pane")
    visit.page.reload()
    visit.settle()
    expect(strip.get_by_role("slider")).to_be_visible()
    footer = visit.page.locator(".footer").bounding_box()
    assert footer is not None
    assert footer["y"] + footer["height"] <= DESKTOP["height"]


@pytest.mark.parametrize(
    "options",
    [
        {"viewport": TALL, "locale": "en-US", "color_scheme": "dark"},
        {"viewport": TALL, "locale": "en-US", "color_scheme": "light"},
    ],
    ids=["dark", "light"],
)
def test_the_band_holds_the_line_and_the_slider_reads_each_bucket(visit: Visit) -> None:
    visit.open(AAPL)
    slider = pane(visit.page).get_by_role("slider")
    columns = visit.ask("/api/v1/sentiment/AAPL", limit=120)
    expect(slider).to_have_attribute("aria-valuemax", str(len(columns["t"]) - 1))
    assert visit.page.locator(".sentiment-area polygon").count() >= 1
    visit.picture("open")
    assert barriers(visit.page) == []
    slider.focus()
    visit.page.keyboard.press("Home")
    expect(pane(visit.page)).to_contain_text(f"{columns['score'][0]:+.2f}")
    expect(pane(visit.page)).to_contain_text(f"{columns['low'][0]:+.2f} to {columns['high'][0]:+.2f}")
    visit.page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuenow", "1")


@pytest.mark.parametrize("options", [{"viewport": TALL, "locale": "en-US", "color_scheme": "dark"}])
def test_a_mark_of_unusual_attention_opens_the_posts_with_their_reasons(visit: Visit) -> None:
    visit.open(AAPL)
    columns = visit.ask("/api/v1/sentiment/AAPL", limit=120)
    unusual = [at for at, one in enumerate(columns["attention"]) if (one or 0) >= 3]
    assert unusual
    marks = pane(visit.page).get_by_role("button", name="Unusual attention")
    expect(marks).to_have_count(len(unusual))
    marks.first.click()
    drawer = visit.page.get_by_role("dialog")
    posts = visit.ask("/api/v1/sentiment/AAPL/posts", start=columns["t"][unusual[0]], limit=100)
    items = drawer.get_by_role("list", name="Posts").locator("> li")
    expect(items).to_have_count(len(posts["items"]))
    expect(items.first).to_contain_text(posts["items"][0]["text"])
    expect(items.first).to_contain_text("Counts")
    expect(drawer).to_contain_text("Nobody posted them")
    visit.picture("drawer")
    assert barriers(visit.page) == []
    visit.page.keyboard.press("Escape")
    expect(marks.first).to_be_focused()


@pytest.mark.parametrize("options", [{"viewport": TALL, "locale": "ko-KR", "color_scheme": "light"}])
def test_it_speaks_korean(visit: Visit) -> None:
    visit.open("/?symbol=005930&range=6M&lang=ko")
    strip = pane(visit.page, "투자 심리")
    expect(strip).to_contain_text("예시")
    expect(strip.get_by_role("slider")).to_be_visible()
    visit.picture("korean")
    strip.get_by_role("button", name="글 보기", exact=True).click()
    expect(visit.page.get_by_role("dialog").get_by_role("listitem").first).to_be_visible()
    visit.picture("korean-drawer")


@pytest.mark.parametrize(
    "options",
    [{"viewport": PHONE, "locale": "en-US", "color_scheme": "light", "has_touch": True, "is_mobile": True}],
)
def test_on_a_phone_it_is_a_strip_and_nothing_overflows(visit: Visit) -> None:
    visit.open(AAPL)
    visit.picture("strip")
    pane(visit.page).get_by_role("button", name="Show the sentiment pane").click()
    expect(pane(visit.page).get_by_role("slider")).to_be_visible()
    visit.picture("pane")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    pane(visit.page).get_by_role("button", name="Posts", exact=True).click()
    expect(visit.page.get_by_role("dialog").get_by_role("listitem").first).to_be_visible()
    visit.picture("drawer")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_where_nobody_wrote_it_says_so_and_what_to_type(visit: Visit) -> None:
    visit.open("/?symbol=MSFT&range=6M")
    expect(pane(visit.page)).to_contain_text("Nobody wrote about MSFT")
    expect(pane(visit.page).get_by_text("stock-analysis sentiment sources")).to_be_visible()
    visit.picture("empty")


def test_while_it_loads_and_when_it_fails_the_chart_stays_and_a_retry_brings_it(visit: Visit) -> None:
    held: list[Route] = []
    visit.page.route("**/api/v1/sentiment/AAPL?*", lambda route: held.append(route))
    visit.page.goto(visit.url + AAPL)
    expect(pane(visit.page)).to_contain_text("Reading what people write")
    visit.settle()
    visit.picture("loading")
    held.pop().fulfill(
        status=503, json={"title": "not ready", "detail": "the sentiment-service does not answer"}
    )
    expect(pane(visit.page).get_by_role("alert")).to_contain_text("cannot be read right now")
    visit.settle()
    visit.picture("failing")
    expect(visit.page.locator(".ohlc")).to_be_visible()
    visit.page.unroute("**/api/v1/sentiment/AAPL?*")
    pane(visit.page).get_by_role("button", name="Retry").click()
    expect(pane(visit.page)).to_contain_text("Sample")
    assert all("503" in problem for problem in visit.problems)
    visit.problems.clear()


def test_a_post_with_markup_and_a_strange_link_is_text_and_no_link(visit: Visit) -> None:
    def poisoned(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        body["items"][0] |= {"text": "<img src=x onerror=alert(1)> \u202eabc", "url": "javascript:alert(1)"}
        body["items"][1] |= {"text": None, "url": "https://example.com/1", "judged": False, "copies": 12}
        route.fulfill(response=answer, json=body)

    visit.page.route("**/api/v1/sentiment/AAPL/posts?*", poisoned)
    visit.open(AAPL)
    pane(visit.page).get_by_role("button", name="Posts", exact=True).click()
    items = visit.page.get_by_role("dialog").get_by_role("list", name="Posts").locator("> li")
    expect(items.nth(0)).to_contain_text("<img src=x")
    expect(items.nth(0).get_by_role("link")).to_have_count(0)
    expect(items.nth(1)).to_contain_text("not kept any more")
    expect(items.nth(1)).to_contain_text("One of 12 posts")
    expect(items.nth(1).get_by_role("link")).to_have_attribute("rel", "noopener noreferrer nofollow")
    visit.picture("posts")


@pytest.mark.parametrize(
    ("options", "title", "noted"),
    [
        (
            {"viewport": TALL, "locale": "en-US", "color_scheme": "dark"},
            "Sources of posts",
            "No source is on",
        ),
        ({"viewport": PHONE, "locale": "ko-KR", "color_scheme": "light"}, "글 출처", "켜진 출처가 없어"),
    ],
    ids=["dark", "korean-phone"],
)
def test_operations_tell_how_the_sources_stand(visit: Visit, title: str, noted: str) -> None:
    visit.open("/operations")
    sources = pane(visit.page, title)
    told = visit.ask("/api/v1/sentiment-sources")["items"]
    expect(sources.get_by_role("listitem")).to_have_count(len(told))
    expect(sources).to_contain_text(noted)
    for one in told:
        expect(sources).to_contain_text(one["title"])
    sources.scroll_into_view_if_needed()
    visit.picture("sources")
    assert barriers(visit.page) == []
    assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_source_that_waits_or_is_refused_says_why_and_until_when(visit: Visit) -> None:
    def troubled(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        body["items"][0] |= {
            "configured": True,
            "state": "refused",
            "reason": "the key was refused (401)",
            "again_at": "2026-11-29T12:00:00Z",
            "posts_today": 1234,
            "spent_most_usd": 1.0,
            "spent_today_usd": 0.25,
        }
        route.fulfill(response=answer, json=body)

    visit.page.route("**/api/v1/sentiment-sources", troubled)
    visit.open("/operations")
    first = pane(visit.page, "Sources of posts").get_by_role("listitem").first
    for words in (
        "Refused",
        "the key was refused (401)",
        "1,234 of at most",
        "$0.25 of $1.00 spent",
        "again at",
    ):
        expect(first).to_contain_text(words)
    first.scroll_into_view_if_needed()
    visit.picture("refused")
