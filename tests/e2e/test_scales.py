"""What shares the price axis, and how many digits prices are written with."""

import re
from datetime import UTC, datetime

from tests.e2e.conftest import Visit, shown_numbers

MOST = 20


def test_nothing_of_another_scale_shares_the_price_axis_whichever_indicator_is_asked_for(
    visit: Visit,
) -> None:
    items = visit.ask("/api/v1/indicators")["items"]
    names = [item["name"].lower() for item in items if item["group"] != "Pattern Recognition"]
    assert len(names) > 130
    close = visit.ask("/api/v1/stocks/IBM/bars")["c"][-1]
    shown: dict[str, list[float]] = {}
    for some in (names[at : at + MOST] for at in range(0, len(names), MOST)):
        visit.open("/?symbol=IBM&range=1Y&" + "&".join(f"i={name}" for name in some))
        for row in visit.legend("IBM").locator(".legend-row:not(.ohlc)").all():
            shown[row.locator(".legend-label").inner_text()] = shown_numbers(row)
    assert {"SMA", "BBANDS", "SUPERTREND"} <= {label.split()[0] for label in shown}
    assert "AVGDEV" not in {label.split()[0] for label in shown}
    far = {label: seen for label, seen in shown.items() if not all(0.5 < one / close < 2 for one in seen)}
    assert far == {}


def test_a_legend_says_the_anchor_of_a_vwap_and_the_kind_of_an_average(visit: Visit) -> None:
    start = visit.ask("/api/v1/stocks/IBM/bars")["t"][-30]
    specs = ["vwap(week)", f"vwap(bar,{start})", "bbands(20,2,2,1)"]
    visit.open("/?symbol=IBM&range=3M&" + "&".join(f"i={spec}" for spec in specs))
    day = datetime.fromtimestamp(start, UTC).date().isoformat()
    labels = visit.legend("IBM").locator(".legend-label").all_inner_texts()
    assert labels == ["VWAP week", f"VWAP from {day}", "BBANDS 20 2 2 EMA"]
    visit.picture("anchors")


def test_the_direction_of_supertrend_has_a_pane_of_its_own(visit: Visit) -> None:
    visit.open("/?symbol=AAPL&range=All&i=supertrend&i=sma(20,price=volume)")
    over, own, volume = (
        visit.page.get_by_role("group", name=re.compile("^Values of")).nth(pane) for pane in range(3)
    )
    (price,) = shown_numbers(over.locator(".legend-row").last)
    assert price > 100
    assert shown_numbers(own.locator(".legend-row")) in ([1.0], [-1.0])
    assert "SMA" in volume.inner_text()
    visit.picture("all")
