"""A real Chromium on the real platform. Each test leaves its pictures in test-results/."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect, sync_playwright

from stock_analysis.testing.platform import Platform
from tools.test_parts import ROOT, TESTS, find_browser

RESULTS = ROOT / "test-results"
AXE = TESTS / "node_modules" / "axe-core" / "axe.min.js"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 375, "height": 812}
TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
expect.set_options(timeout=15_000)


@dataclass
class Visit:
    """A page of the platform in a fresh browser profile, and everything that went wrong on it."""

    page: Page
    url: str
    pictures: Path
    problems: list[str] = field(default_factory=list)

    def open(self, path: str = "/") -> None:
        """Go there and wait until the chart is drawn or the page says why not."""
        self.page.goto(self.url + path)
        self.settle()

    def settle(self) -> None:
        """Wait until the answers are shown; off the chart, so that the legend tells the last bar."""
        self.page.mouse.move(0, 0)
        expect(self.page.locator(".chart[aria-busy=true], .loading")).to_have_count(0)
        self.page.evaluate(TWO_FRAMES)

    def forget_outage(self) -> None:
        """Forget the problems of a server that was away: nobody listened, or it was stopping or starting."""
        for problem in self.problems:
            assert re.search(r"net::ERR_|\b(502|503)\b", problem), problem
        self.problems.clear()

    def picture(self, name: str) -> None:
        """Keep what the page looks like now."""
        self.page.screenshot(path=self.pictures / f"{name}.png")

    def state(self) -> dict[str, list[str]]:
        """The address's query."""
        return parse_qs(urlsplit(self.page.url).query)

    def legend(self, name: str) -> Locator:
        """The values shown of the stock, or of a pane of indicators."""
        return self.page.get_by_role("group", name=f"Values of {name}")

    def numbers(self, name: str) -> list[float]:
        """The numbers in the last row of that legend."""
        return shown_numbers(self.legend(name).locator(".legend-row").last)

    def ask(self, path: str, **query: Any) -> dict[str, Any]:
        """What the API says."""
        answer = httpx.get(self.url + path, params=query)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


def shown_numbers(row: Locator) -> list[float]:
    """Numbers as a reader sees them; thousands are separated by commas."""
    texts = row.locator(".legend-value").all_inner_texts()
    return [float(text.replace(",", "")) for text in texts if re.fullmatch(r"-?[\d,.]+", text)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for a module: Playwright's event loop must be gone before asynchronous tests run."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def options() -> dict[str, Any]:
    """Of the browser's profile; a test module or class may have its own."""
    return {"viewport": DESKTOP, "locale": "en-US", "color_scheme": "dark", "timezone_id": "Asia/Seoul"}


@pytest.fixture
def platform(sample_platform: Platform) -> Platform:
    """The run's platform; tests that stop a part of it bring their own."""
    return sample_platform


@pytest.fixture
def visit(
    browser: Browser, platform: Platform, options: dict[str, Any], request: pytest.FixtureRequest
) -> Iterator[Visit]:
    """A visit; unless the test empties `problems`, the browser may have had none."""
    context = browser.new_context(**options)
    name = request.node.nodeid.rpartition("/")[2].replace("::", "/")
    pictures = RESULTS / re.sub(r"[^\w/]+", "-", name).strip("-")
    pictures.mkdir(parents=True, exist_ok=True)
    visit = Visit(context.new_page(), platform.url, pictures)
    _watch(visit)
    yield visit
    visit.picture("end")
    context.close()
    assert visit.problems == []


def _watch(visit: Visit) -> None:
    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            visit.problems.append(f"console: {message.text}")

    def on_request(request: Request) -> None:
        if not request.url.startswith((f"{visit.url}/", "data:", "blob:")):
            visit.problems.append(f"request to {request.url}")

    visit.page.on("console", on_console)
    visit.page.on("pageerror", lambda error: visit.problems.append(f"exception: {error}"))
    visit.page.on("request", on_request)
