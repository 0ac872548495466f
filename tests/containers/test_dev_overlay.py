"""The overlay for development, started: changes of a service and of the page are seen, all on loopback."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from stock_analysis.testing.processes import free_port
from tests.containers.bases import StandIns
from tests.containers.images import Image
from tests.containers.podman import logs, wait_for
from tests.containers.stack import Stack
from tests.e2e.conftest import FLAGS
from tools.container_parts import ROOT
from tools.test_parts import find_browser

PORTS = ("PAGE", "POSTGRESQL", "VALKEY", "STOCK")
COPIED = ("deploy/compose", "src", "migrations", "frontend")


class Checkout:
    """A copy of what the overlay mounts, because the tests change it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        for name in COPIED:
            shutil.copytree(
                ROOT / name,
                self.root / name,
                symlinks=name != "frontend",
                ignore=shutil.ignore_patterns("__pycache__", "node_modules", "dist", "build"),
            )
        modules = (ROOT / "frontend" / "node_modules").resolve()
        subprocess.run(["cp", "-a", modules, self.root / "frontend" / "node_modules"], check=True)
        # As npm leaves it; what is copied is as new as the checkout.
        (self.root / "frontend" / "node_modules" / ".package-lock.json").touch()

    def give(self, uid: int) -> None:
        subprocess.run(["chown", "-R", f"{uid}:0", self.root / "frontend"], check=True)

    def change(self, name: str, old: str, new: str) -> None:
        path = self.root / name
        text = path.read_text()
        assert old in text
        beside = path.with_name("new")
        beside.write_text(text.replace(old, new))
        beside.chmod(path.stat().st_mode)
        beside.replace(path)  # at once, as editors do: half a file would be a change of its own


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("code"))


@pytest.fixture(scope="module")
def dev(
    standins: StandIns, platform: Image, checkout: Checkout, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    ports = {f"STOCK_DEV_{name}_PORT": str(free_port()) for name in PORTS}
    stack = Stack(
        standins,
        platform,
        tmp_path_factory.mktemp("dev"),
        files=checkout.root / "deploy" / "compose",
        overlays=("compose.test.yaml", "compose.dev.yaml"),
        variables={"NODE_IMAGE": standins.node, **ports},
    )
    checkout.give(stack.uid)
    try:
        stack.start(("postgresql", "valkey"))
        stack.compose("up", "-d", "page")
        yield stack
    finally:
        stack.remove()


def address(stack: Stack, service: str) -> str:
    """Where the service is published; it must be loopback."""
    ((bound,),) = filter(None, stack.inspect(service)["HostConfig"]["PortBindings"].values())
    assert bound["HostIp"] == "127.0.0.1"
    return f"http://127.0.0.1:{bound['HostPort']}"


def test_every_port_is_on_loopback_and_the_page_s_is_3000_unless_told(dev: Stack) -> None:
    for service in ("postgresql", "valkey", "stock", "gateway", "page"):
        address(dev, service)
    overlay = (ROOT / "deploy/compose/compose.dev.yaml").read_text()
    assert '"127.0.0.1:${STOCK_DEV_PAGE_PORT:-3000}:3000"' in overlay


@pytest.mark.parametrize("service", ["stock", "gateway"])
def test_a_service_starts_again_with_changed_code(
    dev: Stack, checkout: Checkout, service: str, report: Callable[[str, str], None]
) -> None:
    """What it says of itself is changed in its own source.

    The new words name the service: the gateway's contract holds the stock-service's as well.
    """
    new = f"Changed while {service} ran"
    name = {"stock": "stock/endpoints.py", "gateway": "gateway/session_endpoints.py"}[service]
    old = {"stock": "Search instruments", "gateway": "Begin a session of the page with an API key"}[service]
    contract = f"{address(dev, service)}/openapi.json"

    def says(text: str) -> bool:
        try:
            return text in httpx.get(contract, timeout=10).text
        except httpx.HTTPError:
            return False

    wait_for(lambda: says(old), lambda: dev.logs(service))
    started = time.monotonic()
    checkout.change(f"src/stock_analysis/{name}", old, new)
    wait_for(lambda: says(new), lambda: dev.logs(service), timeout_s=90)
    report("hot reload", f"{service}: changed code answers after {time.monotonic() - started:.1f} s")


def test_the_open_page_shows_a_change_by_itself(
    dev: Stack, checkout: Checkout, report: Callable[[str, str], None]
) -> None:
    page_address = address(dev, "page")
    wait_for(lambda: _status(page_address) == 200, lambda: logs(dev.container("page")))
    wait_for(lambda: _status(f"{page_address}/api/v1/exchanges") == 401, lambda: dev.logs("gateway"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        page = browser.new_page(locale="en-US")
        page.goto(page_address)
        button = page.locator(".key-form button").first
        expect(button).to_have_text("Use this key", timeout=90_000)
        started = time.monotonic()
        checkout.change("frontend/src/i18n/en.ts", "Use this key", "Changed while it was open")
        expect(button).to_have_text("Changed while it was open", timeout=60_000)
        report("hot reload", f"page: the change is seen after {time.monotonic() - started:.1f} s")
        page.locator(".key-form input").first.fill(dev.key)
        button.click()
        expect(page.locator(".ohlc")).to_contain_text("C ", timeout=60_000)
        browser.close()


def _status(url: str) -> int | None:
    try:
        return httpx.get(url, timeout=10).status_code
    except httpx.HTTPError:
        return None
