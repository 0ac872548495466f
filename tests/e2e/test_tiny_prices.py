"""Prices of any size are written with the digits they need. The data are this module's own."""

import os
import re
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from stock_analysis.testing.builders import environment
from stock_analysis.testing.platform import PROGRAM, Platform
from stock_analysis.testing.postgres import PostgresCluster
from stock_analysis.testing.valkey import ValkeyServer
from tests.e2e.conftest import Visit, shown_numbers
from tools.test_parts import TESTS


@pytest.fixture(scope="module")
def platform(
    postgres: PostgresCluster, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    settings = valkey.add_to(postgres.create_database())
    pence = tmp_path_factory.mktemp("pence") / "PENCE.csv"
    pence.write_text("date,open,high,low,close,volume\n2024-01-03,250.5,260,249,255.25,900\n")
    for arguments in (
        [str(TESTS / "data" / "cases" / "TINY.csv")],
        [str(pence), "--exchange", "XLON", "--currency", "GBp"],
    ):
        command = [str(PROGRAM), "import", *arguments]
        subprocess.run(command, env=os.environ | environment(settings), check=True)
    platform = Platform(settings)
    yield platform
    platform.remove()


def test_legend_and_title_write_a_price_of_billionths_as_it_is(visit: Visit) -> None:
    visit.open("/?symbol=TINY&i=sma(3)&i=atr(3)&i=var(3)")
    bars = visit.ask("/api/v1/stocks/TINY/bars")
    values = [pair.split()[-1] for pair in visit.page.locator(".ohlc .quote").all_inner_texts()]
    assert values == ["0.00000000035", "0.00000000037", "0.00000000033", "0.00000000036"]
    assert [float(value) for value in values] == [bars[name][-1] for name in "ohlc"]
    expect(visit.page).to_have_title(re.compile(r"^TINY 0\.00000000036 -5\.26% "))
    for name in ("TINY", "ATR 3"):
        (shown,) = shown_numbers(visit.legend(name).locator(".legend-row").last)
        spec = "sma(3)" if name == "TINY" else "atr(3)"
        (output,) = visit.ask("/api/v1/stocks/TINY/indicators", i=spec)["indicators"][0]["outputs"].values()
        assert shown == pytest.approx(output[-1], rel=1e-3)
    expect(visit.legend("VAR 3 1")).to_contain_text("6.667E-23")


def test_the_axis_has_room_for_the_digits_and_the_legend_leaves_it_free(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 375, "height": 812})
    visit.open("/?symbol=TINY&i=bbands(3)")
    legends = visit.page.locator(".legends").bounding_box()
    axis = visit.page.locator(".canvas td:last-child canvas").first.bounding_box()
    assert legends is not None
    assert axis is not None
    assert axis["width"] > 90
    assert legends["x"] + legends["width"] <= axis["x"] + 1
    visit.picture("phone")


@pytest.mark.parametrize(
    ("lang", "words"),
    [("en", "GBX, pence sterling (1/100 GBP)"), ("ko", "GBX (GBP의 1/100)")],
    ids=["en", "ko"],
)
def test_prices_in_a_minor_unit_are_said_to_be(visit: Visit, lang: str, words: str) -> None:
    visit.open(f"/?symbol=PENCE&lang={lang}")
    expect(visit.page.locator(".legend-place")).to_contain_text(words)
    expect(visit.page.locator(".ohlc .quote").last).to_contain_text("255.25")


def test_the_slider_speaks_the_price_in_full(visit: Visit) -> None:
    visit.open("/?symbol=TINY")
    slider = visit.page.get_by_role("slider")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"close 0\.00000000036, change -5\.26%"))
