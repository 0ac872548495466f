"""Panes below the prices: all in view, each as high as the reader makes it, in the order wished for."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import DESKTOP, PHONE, Visit

NAMES = ["RSI 14", "MACD 12 26 9", "ATR 14", "STOCH 5 3 SMA 3 SMA", "OBV", "CCI 14", "MFI 14", "ADX 14"]
EIGHT = "/?symbol=AAPL&range=1Y&" + "&".join(
    f"i={spec}" for spec in ("rsi(14)", "macd", "atr(14)", "stoch", "obv", "cci(14)", "mfi(14)", "adx(14)")
)


def order(page: Page) -> list[str]:
    """Names of the panes from top to bottom."""
    legends = page.locator(".legend").all()
    found = [(legend.bounding_box(), legend.locator(".legend-label")) for legend in legends]
    placed = [(box["y"], label.first.inner_text()) for box, label in found if box and label.count()]
    return [name for _, name in sorted(placed)]


def heights(page: Page) -> list[int]:
    """Heights of all panes, the price pane first."""
    rows: list[int] = page.evaluate(
        "() => [...document.querySelectorAll('.canvas table tr')].map(row => row.clientHeight)"
    )
    return [height for height in rows[:-1] if height > 1]


def button(visit: Visit, name: str) -> None:
    visit.page.get_by_role("button", name=name, exact=True).click()
    visit.settle()


@pytest.mark.parametrize(
    "options",
    [
        {"viewport": DESKTOP, "locale": "en-US", "color_scheme": "dark"},
        {"viewport": PHONE, "locale": "en-US", "color_scheme": "light", "has_touch": True, "is_mobile": True},
    ],
    ids=["desktop", "phone"],
)
def test_with_eight_panes_the_time_axis_and_the_bars_around_the_chart_stay_in_view(
    visit: Visit, options: dict[str, Any]
) -> None:
    visit.open(EIGHT)
    visit.picture("eight")
    assert order(visit.page) == NAMES
    high = options["viewport"]["height"]
    for place in (".header", ".toolbar", ".footer", ".canvas table tr:last-child", ".ohlc"):
        box = visit.page.locator(place).bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= high
    tops = [visit.legend(name).bounding_box() for name in NAMES]
    assert all(box is not None and box["height"] >= 20 for box in tops)


def test_the_page_does_not_scroll_with_twenty_indicators_and_the_footer_stays(visit: Visit) -> None:
    periods = range(5, 25)
    visit.open("/?symbol=AAPL&range=1Y&" + "&".join(f"i=rsi({period})" for period in periods))
    assert len(order(visit.page)) == 20
    visit.page.mouse.move(600, 400)
    footer = visit.page.locator(".footer").bounding_box()
    assert footer is not None
    assert footer["y"] + footer["height"] <= DESKTOP["height"]
    visit.picture("twenty")


def test_a_pane_is_folded_to_its_legend_and_unfolded(visit: Visit) -> None:
    visit.open(EIGHT)
    before = heights(visit.page)
    button(visit, "Collapse RSI 14")
    after = heights(visit.page)
    assert after[1] == pytest.approx(28, abs=2)
    assert after[2] > before[2]
    assert sum(after) == pytest.approx(sum(before), abs=2)
    expect(visit.legend("RSI 14").locator(".legend-value")).to_be_visible()
    visit.picture("folded")
    button(visit, "Expand RSI 14")
    assert heights(visit.page) == pytest.approx(before, abs=1)


def test_a_pane_is_given_all_the_room_and_the_stock_is_still_named(visit: Visit) -> None:
    visit.open(EIGHT)
    before = heights(visit.page)
    button(visit, "Maximise MACD 12 26 9")
    assert max(heights(visit.page)) > 0.8 * sum(before)
    assert order(visit.page) == ["MACD 12 26 9"]
    expect(visit.page.get_by_role("heading", level=1)).to_contain_text("AAPL")
    expect(visit.page.locator(".bar-time")).to_be_visible()
    visit.picture("maximised")
    button(visit, "Show all panes")
    assert heights(visit.page) == pytest.approx(before, abs=1)
    button(visit, "Maximise MACD 12 26 9")
    button(visit, "Remove MACD 12 26 9")
    assert order(visit.page) == [name for name in NAMES if not name.startswith("MACD")]


def test_panes_change_places_and_the_address_keeps_the_order(visit: Visit) -> None:
    visit.open("/?symbol=AAPL&range=1Y&i=rsi(14)&i=sma(50)&i=macd&i=atr")
    button(visit, "Move RSI 14 down")
    moved = ["SMA 50", "MACD 12 26 9", "RSI 14", "ATR 14"]
    assert order(visit.page) == moved
    visit.page.reload()
    visit.settle()
    assert order(visit.page) == moved
    button(visit, "Move ATR 14 up")
    assert order(visit.page) == ["SMA 50", "MACD 12 26 9", "ATR 14", "RSI 14"]
    expect(visit.page.get_by_role("button", name="Move MACD 12 26 9 up")).to_have_count(0)
    expect(visit.page.get_by_role("button", name="Move RSI 14 down")).to_have_count(0)


def test_a_border_is_moved_by_the_pointer_and_stays_there_when_panes_come_and_go(visit: Visit) -> None:
    visit.open("/?symbol=AAPL&range=1Y&i=rsi(14)&i=atr(14)")
    before = heights(visit.page)
    stage = visit.page.locator(".canvas").bounding_box()
    assert stage is not None
    border = stage["y"] + before[0] + 0.5
    visit.page.mouse.move(400, border)
    visit.page.mouse.down()
    visit.page.mouse.move(400, border - 60, steps=5)
    visit.page.mouse.up()
    visit.settle()
    moved = heights(visit.page)
    assert moved[:2] == pytest.approx([before[0] - 60, before[1] + 60], abs=3)
    button(visit, "Collapse ATR 14")
    button(visit, "Expand ATR 14")
    assert heights(visit.page) == pytest.approx(moved, abs=3)
    button(visit, "Remove ATR 14")
    left = heights(visit.page)
    assert left[0] / left[1] == pytest.approx(moved[0] / moved[1], rel=0.05)
