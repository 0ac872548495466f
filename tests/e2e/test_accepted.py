"""Bars that a person accepted are marked, and the legend says why and by whom; on data of its own."""

import os
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from stock_analysis.testing.builders import environment
from stock_analysis.testing.platform import PROGRAM, Platform
from stock_analysis.testing.postgres import PostgresCluster
from stock_analysis.testing.valkey import ValkeyServer
from tests.e2e.conftest import Visit
from tools.test_parts import TESTS

OIL = "/?symbol=CL%3DF"


@pytest.fixture(scope="module")
def platform(postgres: PostgresCluster, valkey: ValkeyServer) -> Iterator[Platform]:
    settings = valkey.add_to(postgres.create_database())
    for command in (
        ["import", str(TESTS / "data" / "imports" / "16-numbers" / "CL=F.csv")],
        ["quarantine", "replay", "--all", "--accept", "not_positive", "--by", "ann"],
    ):
        subprocess.run([str(PROGRAM), *command], env=os.environ | environment(settings), check=True)
    platform = Platform(settings)
    yield platform
    platform.remove()


def test_the_legend_of_an_accepted_bar_says_why_and_by_whom(visit: Visit) -> None:
    visit.open(OIL)
    told = visit.ask("/api/v1/stocks/CL=F/chart")
    days = [told["t"].index(one["t"]) for one in told["accepted"]]
    assert [told["c"][day] for day in days] == [-37.63, 10.01]
    legend = visit.legend("CL=F").locator(".ohlc")
    expect(legend).not_to_contain_text("Accepted")
    visit.page.get_by_role("slider").focus()
    for day in range(len(told["t"]) - 1, -1, -1):
        visit.page.keyboard.press("ArrowLeft" if day < len(told["t"]) - 1 else "End")
        expect(legend).to_contain_text(f"C {told['c'][day]:.2f}")
        if day in days:
            expect(legend).to_contain_text("✓ Accepted as true by ann: A price is zero or negative")
            visit.picture(f"day-{day}")
        else:
            expect(legend).not_to_contain_text("Accepted")


def test_a_rise_from_a_negative_price_has_no_percentage(visit: Visit) -> None:
    visit.open(OIL)
    visit.page.get_by_role("slider").focus()
    visit.page.keyboard.press("End")
    visit.page.keyboard.press("ArrowLeft")
    change = visit.legend("CL=F").locator(".change")
    expect(change).to_have_text("–")
    visit.page.keyboard.press("ArrowLeft")
    expect(change).to_have_text("-305.97%")
    visit.picture("axis")


def test_the_mark_is_drawn_on_the_bar(visit: Visit) -> None:
    """The picture with the marks differs from the one of an answer without them, in the colour of a mark."""
    visit.open(OIL)
    color = visit.page.evaluate(
        "() => getComputedStyle(document.documentElement).getPropertyValue('--warn').trim()"
    )
    assert _pixels(visit, color) > 20
    visit.picture("marked")

    visit.page.route(
        "**/chart?*",
        lambda route: route.fulfill(json=route.fetch().json() | {"accepted": []}),
    )
    visit.open(OIL)
    assert _pixels(visit, color) == 0


def test_korean_readers_read_it_in_their_language(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 375, "height": 812})
    visit.open(OIL + "&lang=ko&theme=light")
    visit.page.get_by_role("slider").focus()
    visit.page.keyboard.press("End")
    visit.page.keyboard.press("ArrowLeft")
    legend = visit.page.get_by_role("group", name="CL=F 값")
    expect(legend).to_contain_text("✓ ann 님이 사실로 인정함: 가격이 0 이하")
    visit.picture("korean")


def _pixels(visit: Visit, color: str) -> int:
    """Pixels of this colour on the canvases of the chart."""
    found: int = visit.page.evaluate(
        """color => {
            const wanted = [1, 3, 5].map(at => parseInt(color.slice(at, at + 2), 16));
            let count = 0;
            for (const canvas of document.querySelectorAll('.canvas canvas')) {
                if (!canvas.width || !canvas.height) continue;
                const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
                for (let i = 0; i < data.length; i += 4)
                    if (wanted.every((value, part) => Math.abs(data[i + part] - value) < 3)) count++;
            }
            return count;
        }""",
        color,
    )
    return found
