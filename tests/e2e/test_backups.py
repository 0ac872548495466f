"""Backups on the operations page, over a stand-in for the backup part that tells what each test wants."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import expect

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.platform import Platform
from stock_analysis.testing.valkey import ValkeyServer
from stock_ops.kit.verdict import KINDS
from stock_ops.watch.plans.overview import overview
from tests.contract.gateway.backup_part import BackupPartStub, backup_report, nothing_yet
from tests.e2e.conftest import DESKTOP, PHONE, Visit
from tests.e2e.test_everyone import barriers, overflow
from tests.unit.ops.standings import all_wrong, wrong

LOST = {
    "severity": "critical",
    "kind": "archive-broken",
    "why": "PostgreSQL dropped write-ahead log before it was in the storage.",
    "todo": "Make a new full backup: stockops backup create --full",
}


@pytest.fixture(scope="module")
def part() -> Iterator[BackupPartStub]:
    stub = BackupPartStub()
    yield stub
    stub.stop()


@pytest.fixture(scope="module")
def managed_platform(
    sample_database: Settings, valkey: ValkeyServer, part: BackupPartStub
) -> Iterator[Platform]:
    known = valkey.add_to(sample_database).model_dump() | {"backup_url": part.url}
    platform = Platform(Settings.model_validate(known))
    yield platform
    platform.remove()


@pytest.fixture
def platform(managed_platform: Platform, part: BackupPartStub) -> Platform:
    part.tell(backup_report(datetime.now(UTC)))
    return managed_platform


def test_the_page_tells_the_last_backup_and_drill_and_where_they_lie(visit: Visit) -> None:
    visit.open("/operations")
    page = visit.page
    expect(page.get_by_role("heading", name="Backups", exact=True)).to_be_visible()
    expect(page.get_by_role("region", name="Last backup")).to_contain_text("Incremental")
    expect(page.get_by_role("region", name="Last drill")).to_contain_text("Passed")
    expect(page.get_by_role("region", name="Storage")).to_contain_text("/srv/backups")
    expect(page.get_by_role("region", name="Log archive")).to_contain_text("1.4 sec")
    expect(page.get_by_role("img", name="RPO")).to_be_visible()
    page.screenshot(path=visit.pictures / "whole.png", full_page=True)


def test_a_point_is_chosen_by_keyboard_and_its_command_copied(visit: Visit) -> None:
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.open("/operations")
    slider = visit.page.get_by_role("slider", name="Point in time")
    command = visit.page.locator(".timeline-readout code")
    expect(command).to_have_text("stockops restore")
    slider.focus()
    visit.page.keyboard.press("PageDown")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^Backup "))
    expect(command).to_contain_text("--backup")
    visit.page.keyboard.press("ArrowLeft")
    expect(command).to_contain_text("--time")
    visit.page.get_by_role("button", name="Copy the command").click()
    expect(visit.page.get_by_role("button", name="Copied")).to_be_visible()
    assert visit.page.evaluate("navigator.clipboard.readText()") == command.inner_text()


def test_a_gap_says_that_nothing_in_it_can_be_restored(visit: Visit) -> None:
    visit.open("/operations")
    visit.page.locator(".timeline").scroll_into_view_if_needed()
    box = visit.page.locator(".timeline-gap").bounding_box()
    assert box is not None
    visit.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(visit.page.locator(".timeline-readout")).to_contain_text("Nothing between")
    expect(visit.page.locator(".timeline-readout code")).to_have_count(0)


def test_warnings_are_loud_and_name_their_runbook(visit: Visit, part: BackupPartStub) -> None:
    part.tell(backup_report(datetime.now(UTC), warnings=[LOST]))
    visit.open("/operations")
    alert = visit.page.get_by_role("list", name="Warnings of the backups")
    expect(alert).to_contain_text(LOST["why"])
    expect(alert).to_contain_text("stockops runbook archive-broken")
    expect(visit.page.get_by_text("No warnings")).to_have_count(0)
    visit.page.screenshot(path=visit.pictures / "whole.png", full_page=True)


def test_what_is_only_good_to_know_alarms_nobody(visit: Visit, part: BackupPartStub) -> None:
    now = datetime.now(UTC)
    part.tell(overview(wrong("storage-same-disk", now), now))
    visit.open("/operations")
    expect(visit.page.get_by_role("list", name="Good to know")).to_contain_text("are on the same disk")
    expect(visit.page.get_by_text("No warnings")).to_be_visible()
    expect(visit.page.get_by_role("alert")).to_have_count(0)
    visit.page.screenshot(path=visit.pictures / "whole.png", full_page=True)


def test_a_storage_that_was_never_reached_is_not_taken_for_an_empty_one(
    visit: Visit, part: BackupPartStub
) -> None:
    now = datetime.now(UTC)
    part.tell(overview(replace(wrong("storage-unreachable", now), contents=None), now))
    visit.open("/operations")
    expect(visit.page.get_by_role("list", name="Warnings of the backups")).to_contain_text("is not there")
    expect(visit.page.get_by_text("There is no backup yet")).to_have_count(0)
    expect(visit.page.get_by_role("region", name="Last backup")).not_to_contain_text("None yet")
    expect(visit.page.get_by_role("region", name="Storage")).to_contain_text("Used–")
    visit.page.screenshot(path=visit.pictures / "whole.png", full_page=True)


def test_before_the_first_backup_the_page_says_when_it_comes(visit: Visit, part: BackupPartStub) -> None:
    part.tell(nothing_yet(datetime.now(UTC)))
    visit.open("/operations")
    expect(visit.page.get_by_text("There is no backup yet")).to_be_visible()
    expect(visit.page.get_by_text("The first one comes at")).to_be_visible()
    expect(visit.page.get_by_text("stockops backup create")).to_be_visible()
    visit.page.screenshot(path=visit.pictures / "whole.png", full_page=True)


def test_a_part_that_falls_silent_leaves_what_was_known(visit: Visit, part: BackupPartStub) -> None:
    visit.open("/operations")
    part.say(500, b"")
    expect(visit.page.get_by_role("alert").filter(has_text="does not answer")).to_contain_text("answers 500")
    expect(visit.page.get_by_role("region", name="Last backup")).to_contain_text("Incremental")
    visit.page.screenshot(path=visit.pictures / "whole.png", full_page=True)
    part.tell(backup_report(datetime.now(UTC)))
    expect(visit.page.get_by_text("No warnings")).to_be_visible()
    assert all("503" in problem for problem in visit.problems)
    visit.problems.clear()


class TestWithoutBackups:
    @pytest.fixture
    def platform(self, sample_platform: Platform) -> Platform:
        return sample_platform

    def test_the_page_says_that_none_are_managed(self, visit: Visit) -> None:
        visit.open("/operations")
        expect(visit.page.get_by_text("Backups are not managed here")).to_be_visible()
        visit.page.screenshot(path=visit.pictures / "whole.png", full_page=True)


@pytest.mark.parametrize("look", ["?theme=dark", "?theme=light", "?theme=light&lang=ko"])
class Anywhere:
    def test_everyone_can_use_it(self, visit: Visit, look: str) -> None:
        visit.open(f"/operations{look}")
        expect(visit.page.get_by_role("slider")).to_be_visible()
        visit.page.screenshot(path=visit.pictures / "whole.png", full_page=True)
        assert barriers(visit.page) == []
        assert overflow(visit.page) == 0

    def test_everyone_can_read_all_the_warnings_that_there_are(
        self, visit: Visit, part: BackupPartStub, look: str
    ) -> None:
        told = overview(all_wrong(datetime.now(UTC)), datetime.now(UTC))
        findings = told["verdict"]["findings"]
        # A disk that is full is not told to be filling as well.
        assert {one["kind"] for one in findings} == set(KINDS) - {"disk-filling"}
        part.tell(told)
        visit.open(f"/operations{look}")
        expect(visit.page.locator(".backup-warnings li")).to_have_count(len(findings))
        visit.page.screenshot(path=visit.pictures / "whole.png", full_page=True)
        assert barriers(visit.page) == []
        assert overflow(visit.page) == 0


class TestDesktop(Anywhere):
    @pytest.fixture
    def options(self) -> dict[str, Any]:
        return {"viewport": DESKTOP, "locale": "en-US"}


class TestPhone(Anywhere):
    @pytest.fixture
    def options(self) -> dict[str, Any]:
        return {"viewport": PHONE, "locale": "en-US", "has_touch": True, "is_mobile": True}
